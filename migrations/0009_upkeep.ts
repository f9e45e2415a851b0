import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

/** Columns that the clean-up and deleting an account search by; without an index they would scan whole tables. */
const INDICES: Record<string, string> = {
  T_authorization_requests: 'account_id',
  T_grants: 'revoked_at',
  T_account_links: 'expires_at',
  T_invitations: 'expires_at',
  T_invitation_redemptions: 'redeemed_at',
};

const nameOf = (table: string, column: string) => `I_${table.slice(2)}_${column}`;

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  for (const [name, column] of Object.entries(INDICES))
    await knex.schema
      .alterTable(name, (table) => table.index([column], nameOf(name, column)))
      .catch(unless('ER_DUP_KEYNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const [name, column] of Object.entries(INDICES))
    if (await hasTable(knex, name))
      await knex.schema
        .alterTable(name, (table) => table.dropIndex([column], nameOf(name, column)))
        .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
