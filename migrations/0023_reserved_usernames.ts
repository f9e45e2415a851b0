import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_reserved_usernames'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_reserved_usernames', ({ table, instant, reference, unique, index }) => {
    table.string('username', 255).notNullable();
    reference('account_id', 'T_accounts').notNullable();
    instant('expires_at').notNullable();
    unique('username');
    index('account_id');
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
