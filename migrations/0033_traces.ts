import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_traces'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_traces', ({ table, instant, text, index }) => {
    table.string('attempt_id', 36).notNullable();
    table.string('client_id', 255);
    table.string('account_id', 36);
    table.string('status', 16).notNullable();
    text('steps').notNullable();
    instant('expires_at').notNullable();
    index('attempt_id');
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
