import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_trusted_issuers'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_trusted_issuers', ({ table, text, unique }) => {
    table.string('issuer', 255).notNullable();
    text('jwks_uri').notNullable();
    table.string('subject', 16).notNullable();
    text('scopes').notNullable();
    unique('issuer');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
