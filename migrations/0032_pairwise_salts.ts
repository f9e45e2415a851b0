import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_pairwise_salts'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_pairwise_salts', ({ table, unique }) => {
    table.integer('number').notNullable();
    table.string('salt', 64).notNullable();
    unique('number');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
