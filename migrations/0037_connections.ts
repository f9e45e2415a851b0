import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = [
  'T_service_configs',
  'T_user_providers',
  'T_oauth_tokens',
  'T_token_refresh_log',
  'T_sync_logs',
  'T_upstream_states',
];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_service_configs', ({ table, text, instant, unique }) => {
    table.string('service_name', 64).notNullable();
    table.string('display_name', 255).notNullable();
    table.string('auth_type', 16).notNullable();
    table.string('issuer', 255);
    text('client_id');
    text('client_secret_sealed');
    text('scopes').notNullable();
    text('auth_url');
    text('token_url');
    text('revoke_url');
    text('userinfo_url');
    text('api_base_urls').notNullable();
    text('settings').notNullable();
    table.boolean('is_active').notNullable();
    instant('updated_at');
    unique('service_name');
  });

  await createTable(knex, 'T_user_providers', ({ table, text, instant, reference, index, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('provider', 64).notNullable();
    table.string('provider_user_id', 255).notNullable();
    table.string('email', 255);
    table.string('display_name', 255);
    text('avatar_url');
    table.string('access_level', 16).notNullable();
    table.boolean('is_active').notNullable();
    table.string('sync_status', 16).notNullable();
    text('sync_state');
    instant('last_sync_at');
    instant('sync_due_at');
    text('sync_error');
    instant('updated_at');
    unique('provider', 'provider_user_id');
    index('account_id', 'provider');
    index('sync_due_at');
  });

  await createTable(knex, 'T_oauth_tokens', ({ table, text, instant, reference, index, unique }) => {
    reference('user_provider_id', 'T_user_providers').notNullable();
    table.string('active_slot', 36);
    text('access_token_sealed');
    text('refresh_token_sealed');
    table.string('token_type', 32).notNullable();
    text('scope');
    instant('expires_at');
    table.boolean('is_active').notNullable();
    table.bigInteger('version').notNullable();
    instant('refresh_due_at');
    table.string('lease_owner', 36);
    instant('lease_expires_at');
    table.integer('failed_refreshes').notNullable();
    instant('last_used_at');
    table.bigInteger('usage_count').notNullable();
    text('metadata');
    instant('ended_at');
    instant('updated_at');
    unique('active_slot');
    index('user_provider_id');
    index('refresh_due_at');
    index('ended_at');
  });

  await createTable(knex, 'T_token_refresh_log', ({ table, text, reference, index }) => {
    reference('token_id', 'T_oauth_tokens').notNullable();
    table.string('old_token_hash', 43);
    table.string('new_token_hash', 43);
    table.boolean('refresh_used').notNullable();
    table.boolean('success').notNullable();
    table.string('error_code', 64);
    text('error_message');
    table.integer('duration_ms');
    index('token_id');
    index('created_at');
  });

  await createTable(knex, 'T_sync_logs', ({ table, text, instant, reference, index }) => {
    reference('account_id', 'T_accounts').notNullable();
    reference('user_provider_id', 'T_user_providers', 'SET NULL');
    table.string('provider', 64).notNullable();
    table.string('client_id', 255);
    table.string('action_type', 32).notNullable();
    table.string('status', 16).notNullable();
    text('resource');
    table.bigInteger('data_size');
    table.integer('items_processed');
    table.integer('items_total');
    table.integer('duration_ms');
    table.string('error_code', 64);
    text('error_message');
    instant('started_at').notNullable();
    instant('completed_at');
    index('account_id', 'id');
    index('user_provider_id');
    index('started_at');
  });

  await createTable(knex, 'T_upstream_states', ({ table, text, instant, reference, index, unique }) => {
    table.string('state_hash', 43).notNullable();
    reference('account_id', 'T_accounts');
    table.string('authorization_request_id', 36);
    table.string('provider', 64).notNullable();
    text('payload_sealed').notNullable();
    instant('consumed_at');
    instant('expires_at').notNullable();
    unique('state_hash');
    index('account_id');
    index('expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
