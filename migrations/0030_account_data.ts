import type { Knex } from 'knex';
import { createTable, dropTables, hasTable, instantType } from '../src/database/create-table.ts';

export const tables = ['T_closed_usernames', 'T_account_archives', 'T_user_pictures'];

const ACCOUNTS = 'T_accounts';
const COLUMN = 'closing_at';
const INDEX = 'I_accounts_closing_at';

export const columns: [table: string, column: string][] = [[ACCOUNTS, COLUMN]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_closed_usernames', ({ table, instant, unique, index }) => {
    table.string('username_hash', 43).notNullable();
    instant('expires_at').notNullable();
    unique('username_hash');
    index('expires_at');
  });
  await createTable(knex, 'T_account_archives', ({ table, instant, reference, text, unique, index }) => {
    reference('account_id', ACCOUNTS).notNullable();
    table.string('status', 16).notNullable();
    table.integer('parts_done').notNullable();
    table.integer('parts').notNullable();
    table.integer('attempts').notNullable();
    text('archive');
    instant('lease_until');
    instant('expires_at').notNullable();
    unique('account_id');
    index('expires_at');
    index('status');
  });
  await createTable(knex, 'T_user_pictures', ({ table, reference, text, unique, index }) => {
    reference('account_id', ACCOUNTS).notNullable();
    table.string('content_digest', 43).notNullable();
    text('webp').notNullable();
    unique('account_id');
    index('content_digest');
  });
  await knex.schema
    .alterTable(ACCOUNTS, (table) => table.specificType(COLUMN, instantType(knex)))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable(ACCOUNTS, (table) => table.index(COLUMN, INDEX))
    .catch(unless('ER_DUP_KEYNAME'));
}

export async function down(knex: Knex): Promise<void> {
  if (await hasTable(knex, ACCOUNTS)) {
    await knex.schema
      .alterTable(ACCOUNTS, (table) => table.dropIndex(COLUMN, INDEX))
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
    await knex
      .raw('ALTER TABLE ?? DROP COLUMN ??', [ACCOUNTS, COLUMN])
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
  }
  await dropTables(knex, tables);
}
