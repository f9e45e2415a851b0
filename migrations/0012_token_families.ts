import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

const FAMILY_TABLES = ['T_access_tokens', 'T_refresh_tokens', 'T_revoked_tokens'];
const INDEX = 'I_revoked_tokens_family_id';

export const columns: [table: string, column: string][] = [
  ['T_access_tokens', 'family_id'],
  ['T_refresh_tokens', 'family_id'],
  ['T_refresh_tokens', 'uses'],
  ['T_revoked_tokens', 'family_id'],
  ['T_oauth_clients', 'refresh_overlap'],
];

/** A server of the version before this one writes rows without these columns while the two run side by side. */
export async function up(knex: Knex): Promise<void> {
  for (const name of FAMILY_TABLES)
    await knex.schema
      .alterTable(name, (table) => table.string('family_id', 36))
      .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable('T_refresh_tokens', (table) => table.integer('uses').notNullable().defaultTo(0))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable('T_oauth_clients', (table) => table.integer('refresh_overlap'))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable('T_revoked_tokens', (table) => table.index(['family_id'], INDEX))
    .catch(unless('ER_DUP_KEYNAME'));
}

export async function down(knex: Knex): Promise<void> {
  async function drop(table: string, column: string): Promise<void> {
    if (!(await hasTable(knex, table))) return;
    // Knex would copy the whole table on SQLite.
    const dropped = knex.raw('ALTER TABLE ?? DROP COLUMN ??', [table, column]);
    await dropped.catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  }
  if (await hasTable(knex, 'T_revoked_tokens'))
    await knex.schema
      .alterTable('T_revoked_tokens', (table) => table.dropIndex(['family_id'], INDEX))
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  for (const name of FAMILY_TABLES) await drop(name, 'family_id');
  await drop('T_refresh_tokens', 'uses');
  await drop('T_oauth_clients', 'refresh_overlap');
}
