import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_ended_sessions', 'T_logout_deliveries'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_ended_sessions', ({ table }) => {
    table.string('session_uid', 64).notNullable();
  });
  await createTable(knex, 'T_logout_deliveries', ({ table, instant, index }) => {
    table.string('session_uid', 64).notNullable();
    table.string('account_id', 36).notNullable();
    table.string('client_id', 255).notNullable();
    table.string('sid', 64);
    table.string('status', 16).notNullable();
    table.integer('attempts').notNullable();
    table.string('last_error', 255);
    instant('due_at');
    instant('finished_at');
    index('due_at');
    index('finished_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
