import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_accounts', 'T_credentials', 'T_user_sessions', 'T_auth_audit_log'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_accounts', ({ table, instant, text, unique }) => {
    table.string('username', 255).notNullable();
    table.string('email', 255);
    table.boolean('email_verified').notNullable();
    table.string('name', 255);
    text('picture');
    table.string('auth_provider', 64);
    text('scopes').notNullable();
    table.boolean('is_active').notNullable();
    instant('last_login_at');
    instant('updated_at');
    unique('username');
    unique('email');
  });

  await createTable(knex, 'T_credentials', ({ table, instant, reference, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('username', 255).notNullable();
    table.string('password_hash', 255).notNullable();
    table.integer('failed_login_attempts').notNullable();
    instant('locked_until');
    instant('updated_at');
    unique('account_id');
    unique('username');
  });

  await createTable(knex, 'T_user_sessions', ({ table, instant, reference, text, unique, index }) => {
    reference('account_id', 'T_accounts');
    table.string('uid', 43).notNullable();
    table.string('token_hash', 43).notNullable();
    text('authorizations').notNullable();
    table.string('ip_address', 45);
    text('user_agent');
    text('device_info');
    text('payload').notNullable();
    table.boolean('is_active').notNullable();
    instant('last_used_at');
    instant('expires_at').notNullable();
    unique('uid');
    unique('token_hash');
    index('account_id');
    index('expires_at');
  });

  await createTable(knex, 'T_auth_audit_log', ({ table, reference, text, index }) => {
    reference('account_id', 'T_accounts', 'SET NULL');
    table.string('actor_id', 36);
    table.string('action', 64).notNullable();
    table.string('target', 255);
    table.string('provider', 64);
    table.string('client_id', 255);
    table.string('ip_address', 45);
    text('user_agent');
    table.string('session_uid', 43);
    table.boolean('success').notNullable();
    table.string('error_code', 64);
    text('error_message');
    text('details');
    index('account_id');
    index('created_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
