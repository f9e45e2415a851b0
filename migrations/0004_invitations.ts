import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_account_roles', 'T_invitations', 'T_invitation_redemptions'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_account_roles', ({ table, reference, index }) => {
    reference('account_id', 'T_accounts').notNullable();
    reference('client_id', 'T_oauth_clients');
    table.string('role', 64).notNullable();
    index('account_id');
  });

  await createTable(knex, 'T_invitations', ({ table, instant, reference, text, unique, index }) => {
    table.string('code_hash', 43).notNullable();
    table.string('label', 255);
    table.string('email', 255);
    text('scopes').notNullable();
    text('roles').notNullable();
    // created_by cannot tell: it is also NULL after the inviter was deleted.
    table.boolean('by_operator').notNullable();
    reference('created_by', 'T_accounts', 'SET NULL');
    table.integer('max_uses').notNullable();
    table.integer('uses').notNullable();
    instant('revoked_at');
    instant('expires_at');
    unique('code_hash');
    index('created_by');
  });

  await createTable(
    knex,
    'T_invitation_redemptions',
    ({ table, instant, reference, text, unique, index }) => {
      reference('invitation_id', 'T_invitations').notNullable();
      reference('redeemed_by', 'T_accounts', 'SET NULL');
      text('scopes').notNullable();
      text('roles').notNullable();
      instant('redeemed_at').notNullable();
      table.string('ip_address', 45);
      unique('invitation_id', 'redeemed_by');
      index('redeemed_by');
    },
  );
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
