import type { Knex } from 'knex';
import { type Columns, createTable, dropTables } from '../src/database/create-table.ts';

export const tables = [
  'T_authorization_requests',
  'T_grants',
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
  'T_pushed_authorization_requests',
  'T_replay_detections',
  'T_registration_tokens',
  'T_revoked_tokens',
  'T_signing_keys',
];

function expiring({ instant, text, index }: Columns): void {
  text('payload').notNullable();
  instant('expires_at').notNullable();
  index('expires_at');
}

/** A request that the user confirms elsewhere, while the application polls for the tokens. */
function polled(columns: Columns): void {
  const { table, instant, reference, text, unique, index } = columns;
  table.string('code_hash', 43).notNullable();
  table.string('user_code_hash', 43);
  text('code_sealed').notNullable();
  reference('account_id', 'T_accounts');
  table.string('client_id', 255).notNullable();
  table.string('grant_id', 36);
  text('scope');
  instant('consumed_at');
  expiring(columns);
  unique('code_hash');
  unique('user_code_hash');
  index('account_id');
  index('grant_id');
}

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_authorization_requests', (columns) => {
    const { table, text, unique } = columns;
    table.string('uid_hash', 43).notNullable();
    table.string('client_id', 255).notNullable();
    table.string('account_id', 36);
    text('redirect_uri').notNullable();
    text('scope').notNullable();
    text('state');
    text('nonce');
    table.string('response_type', 64).notNullable();
    table.string('code_challenge', 128);
    table.string('code_challenge_method', 16);
    table.string('prompt', 64);
    table.string('status', 16).notNullable();
    expiring(columns);
    unique('uid_hash');
  });

  await createTable(knex, 'T_grants', ({ table, instant, reference, text, index }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('client_id', 255).notNullable();
    text('scope');
    text('payload').notNullable();
    instant('revoked_at');
    instant('expires_at');
    index('account_id', 'client_id');
    index('expires_at');
  });

  await createTable(knex, 'T_authorization_codes', (columns) => {
    const { table, instant, reference, text, unique, index } = columns;
    table.string('code_hash', 43).notNullable();
    reference('authorization_request_id', 'T_authorization_requests', 'SET NULL');
    reference('account_id', 'T_accounts').notNullable();
    table.string('client_id', 255).notNullable();
    table.string('grant_id', 36).notNullable();
    table.string('session_uid', 43);
    text('redirect_uri').notNullable();
    text('scope').notNullable();
    text('state');
    table.string('nonce', 255);
    table.string('response_type', 64).notNullable();
    table.string('code_challenge', 128);
    table.string('code_challenge_method', 16);
    instant('consumed_at');
    expiring(columns);
    unique('code_hash');
    unique('account_id', 'nonce');
    index('authorization_request_id');
    index('grant_id');
  });

  await createTable(knex, 'T_access_tokens', (columns) => {
    const { table, reference, text, unique, index } = columns;
    table.string('token_hash', 43).notNullable();
    table.string('kind', 24).notNullable();
    table.string('authorization_code_id', 36);
    reference('account_id', 'T_accounts');
    table.string('client_id', 255).notNullable();
    table.string('grant_id', 36);
    table.string('session_uid', 43);
    text('scope');
    expiring(columns);
    unique('token_hash');
    unique('authorization_code_id');
    index('account_id');
    index('grant_id');
  });

  await createTable(knex, 'T_refresh_tokens', (columns) => {
    const { table, instant, reference, text, unique, index } = columns;
    table.string('token_hash', 43).notNullable();
    reference('account_id', 'T_accounts').notNullable();
    table.string('client_id', 255).notNullable();
    table.string('grant_id', 36).notNullable();
    table.string('session_uid', 43);
    text('scope');
    table.string('rotated_from', 36);
    instant('consumed_at');
    expiring(columns);
    unique('token_hash');
    index('account_id');
    index('grant_id');
  });

  await createTable(knex, 'T_device_codes', polled);
  await createTable(knex, 'T_backchannel_authentication_requests', polled);

  await createTable(knex, 'T_pushed_authorization_requests', (columns) => {
    columns.table.string('request_hash', 43).notNullable();
    columns.instant('consumed_at');
    expiring(columns);
    columns.unique('request_hash');
  });

  await createTable(knex, 'T_replay_detections', (columns) => {
    columns.table.string('replay_hash', 43).notNullable();
    columns.text('issuer').notNullable();
    expiring(columns);
    columns.unique('replay_hash');
  });

  await createTable(knex, 'T_registration_tokens', ({ table, instant, text, unique, index }) => {
    table.string('token_hash', 43).notNullable();
    table.string('kind', 32).notNullable();
    table.string('client_id', 255);
    text('payload').notNullable();
    instant('expires_at');
    unique('token_hash');
    index('expires_at');
  });

  await createTable(knex, 'T_revoked_tokens', ({ table, instant, unique, index }) => {
    table.string('token_hash', 43).notNullable();
    table.string('reason', 32).notNullable();
    table.string('client_id', 255);
    table.string('account_id', 36);
    instant('revoked_at').notNullable();
    instant('expires_at').notNullable();
    unique('token_hash');
    index('expires_at');
  });

  await createTable(knex, 'T_signing_keys', ({ table, instant, text, unique }) => {
    table.string('kid', 64).notNullable();
    table.string('alg', 16).notNullable();
    table.string('status', 16).notNullable();
    table.string('active_slot', 16);
    text('public_jwk').notNullable();
    text('private_jwk_sealed').notNullable();
    instant('not_before');
    instant('retired_at');
    instant('expires_at');
    unique('kid');
    unique('active_slot');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
