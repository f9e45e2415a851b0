import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_scope_descriptions'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_scope_descriptions', ({ table, instant, unique }) => {
    table.string('scope', 255).notNullable();
    table.string('description', 255).notNullable();
    instant('updated_at');
    unique('scope');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
