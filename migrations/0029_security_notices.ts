import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_security_notices'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_security_notices', ({ table, instant, reference, index, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('event', 64).notNullable();
    table.string('key_id', 36);
    table.string('email', 255).notNullable();
    table.string('token_hash', 43).notNullable();
    instant('consumed_at');
    instant('expires_at').notNullable();
    unique('token_hash');
    index('account_id');
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
