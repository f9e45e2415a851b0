import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_account_links'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_account_links', ({ table, instant, reference, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('purpose', 32).notNullable();
    table.string('token_hash', 43).notNullable();
    table.string('email', 255).notNullable();
    instant('consumed_at');
    instant('expires_at').notNullable();
    // A new link replaces the previous one for the same purpose.
    unique('account_id', 'purpose');
    unique('token_hash');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
