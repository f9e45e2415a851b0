import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

const CONSENTS = 'T_consents';

export const tables = ['T_resource_servers'];
export const columns: [table: string, column: string][] = [[CONSENTS, 'resources']];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_resource_servers', ({ table, instant, text, unique, index }) => {
    table.string('identifier', 255).notNullable();
    table.string('name', 255).notNullable();
    text('scopes').notNullable();
    table.string('token_format', 16).notNullable();
    table.string('signing_alg', 16).notNullable();
    table.integer('access_token_ttl');
    table
      .foreign('client_id', 'FK_resource_servers_client_id')
      .references('client_id')
      .inTable('T_oauth_clients')
      .onDelete('SET NULL');
    table.string('client_id', 255);
    table.boolean('is_active').notNullable();
    instant('updated_at');
    unique('identifier');
    index('client_id');
  });
  await knex.schema
    .alterTable(CONSENTS, (table) => table.text('resources', 'mediumtext'))
    .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  await knex
    .raw('ALTER TABLE ?? DROP COLUMN ??', [CONSENTS, 'resources'])
    .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  await dropTables(knex, tables);
}
