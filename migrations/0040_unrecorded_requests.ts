import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_unrecorded_requests'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_unrecorded_requests', ({ table, instant, index }) => {
    table.integer('from_registered').notNullable();
    table.integer('from_unknown').notNullable();
    instant('expires_at').notNullable();
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
