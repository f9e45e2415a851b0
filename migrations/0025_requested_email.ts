import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

const TABLE = 'T_accounts';
const COLUMN = 'requested_email';
const INDEX = 'I_accounts_requested_email';

export const columns: [table: string, column: string][] = [[TABLE, COLUMN]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable(TABLE, (table) => table.string(COLUMN, 255)).catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema.alterTable(TABLE, (table) => table.index(COLUMN, INDEX)).catch(unless('ER_DUP_KEYNAME'));
}

export async function down(knex: Knex): Promise<void> {
  if (!(await hasTable(knex, TABLE))) return;
  await knex.schema
    .alterTable(TABLE, (table) => table.dropIndex(COLUMN, INDEX))
    .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, COLUMN]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
