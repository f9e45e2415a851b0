import type { Knex } from 'knex';
import { hasTable, instantType } from '../src/database/create-table.ts';

const CLIENTS = 'T_oauth_clients';
const TOKENS = 'T_registration_tokens';

export const columns: [table: string, column: string][] = [
  [CLIENTS, 'registration_token_id'],
  [TOKENS, 'description'],
  [TOKENS, 'max_uses'],
  [TOKENS, 'uses'],
  [TOKENS, 'created_by'],
  [TOKENS, 'last_used_at'],
  [TOKENS, 'revoked_at'],
];
const indices: [table: string, column: string, name: string][] = [
  [CLIENTS, 'expires_at', 'I_oauth_clients_expires_at'],
  [TOKENS, 'created_at', 'I_registration_tokens_created_at'],
];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

function define(table: Knex.AlterTableBuilder, column: string, knex: Knex): void {
  if (column.endsWith('_at')) table.specificType(column, instantType(knex));
  else if (column === 'uses') table.integer(column).notNullable().defaultTo(0);
  else if (column === 'max_uses') table.integer(column);
  else table.string(column, column === 'description' ? 255 : 36);
}

export async function up(knex: Knex): Promise<void> {
  for (const [name, column] of columns)
    await knex.schema
      .alterTable(name, (table) => define(table, column, knex))
      .catch(unless('ER_DUP_FIELDNAME'));
  for (const [name, column, index] of indices)
    await knex.schema.alterTable(name, (table) => table.index(column, index)).catch(unless('ER_DUP_KEYNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const [name, column, index] of indices.toReversed()) {
    if (!(await hasTable(knex, name))) continue;
    await knex.schema
      .alterTable(name, (table) => table.dropIndex(column, index))
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  }
  for (const [name, column] of columns.toReversed())
    await knex
      .raw('ALTER TABLE ?? DROP COLUMN ??', [name, column])
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
