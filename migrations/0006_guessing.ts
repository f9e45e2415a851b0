import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_known_browsers', 'T_rate_limits'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_known_browsers', ({ table, instant, reference, unique, index }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('token_hash', 43).notNullable();
    table.integer('failed_login_attempts').notNullable();
    instant('locked_until');
    instant('last_used_at').notNullable();
    instant('expires_at').notNullable();
    unique('account_id', 'token_hash');
    index('expires_at');
  });

  await createTable(knex, 'T_rate_limits', ({ table, instant, unique, index }) => {
    table.string('key_hash', 43).notNullable();
    table.integer('points').notNullable();
    instant('expires_at').notNullable();
    unique('key_hash');
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
