import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = [
  'T_webauthn_challenges',
  'T_webauthn_credentials',
  'T_totp_secrets',
  'T_recovery_codes',
];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_webauthn_challenges', ({ table, instant, reference, text, unique, index }) => {
    table.string('challenge_hash', 43).notNullable();
    table.string('purpose', 16).notNullable();
    // The browser, and the interaction or session in it, that the challenge was issued to.
    table.string('bound_to_hash', 43).notNullable();
    reference('account_id', 'T_accounts');
    // During sign-up: the id that the account will get.
    table.string('user_handle', 36);
    text('allowed_credential_ids');
    table.string('user_verification', 16).notNullable();
    instant('consumed_at');
    instant('expires_at').notNullable();
    unique('challenge_hash');
    index('account_id');
    index('expires_at');
  });

  await createTable(knex, 'T_webauthn_credentials', ({ table, instant, reference, text, unique, index }) => {
    text('key_id').notNullable();
    table.string('key_id_hash', 43).notNullable();
    reference('account_id', 'T_accounts').notNullable();
    // `passkey` signs in on its own, `security_key` is a second factor after a password.
    table.string('kind', 16).notNullable();
    table.string('name', 255).notNullable();
    text('public_key').notNullable();
    table.string('attestation_type', 32).notNullable();
    text('authenticator').notNullable();
    table.bigInteger('sign_count').notNullable();
    reference('challenge_id', 'T_webauthn_challenges', 'SET NULL');
    instant('signed_at');
    reference('signed_by', 'T_webauthn_credentials', 'SET NULL');
    instant('last_used_at');
    table.string('last_used_ip', 45);
    instant('deleted_at');
    unique('key_id_hash');
    index('account_id');
    index('challenge_id');
    index('signed_by');
  });

  await createTable(knex, 'T_totp_secrets', ({ table, instant, reference, text, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    text('secret_sealed').notNullable();
    instant('confirmed_at');
    table.bigInteger('last_step');
    // Failed attempts in the window that ends at guesses_expire_at.
    table.integer('guesses').notNullable();
    instant('guesses_expire_at').notNullable();
    unique('account_id');
  });

  await createTable(knex, 'T_recovery_codes', ({ table, instant, reference, unique, index }) => {
    reference('account_id', 'T_accounts').notNullable();
    table.string('code_hash', 43).notNullable();
    instant('consumed_at');
    unique('code_hash');
    index('account_id');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
