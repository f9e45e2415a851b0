import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_user_preferences'];

const ACCOUNTS = 'T_accounts';
const ZONE = 'zoneinfo';

export const columns: [table: string, column: string][] = [[ACCOUNTS, ZONE]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_user_preferences', ({ instant, reference, text, unique }) => {
    reference('account_id', ACCOUNTS).notNullable();
    text('settings').notNullable();
    instant('updated_at');
    unique('account_id');
  });
  await knex.schema.alterTable(ACCOUNTS, (table) => table.string(ZONE, 64)).catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  await knex
    .raw('ALTER TABLE ?? DROP COLUMN ??', [ACCOUNTS, ZONE])
    .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  await dropTables(knex, tables);
}
