import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { pendingEmail } from '../recovery/links.ts';
import { ACCOUNT_COLUMNS, type Account, type AccountRow, toAccount } from './model.ts';

/** An account with what it holds and how it came to be. */
export interface Profile extends Account {
  /** An address that waits to be confirmed. */
  pending_email: string | null;
  /** Who comes in by a passkey alone has none. */
  has_password: boolean;
  /** Each with the application in which it holds; none for everywhere. */
  roles: { role: string; client_id: string | null; client_name: string | null }[];
  /** The ledger, from the account's side; the first is by which it came in, unless an operator made it. */
  invitations: {
    id: string;
    label: string | null;
    invited_by: string | null;
    redeemed_at: string;
    scopes: string[];
    roles: string[];
  }[];
}

export const accountNotFound = (which: string) =>
  new LatchkeyError('not_found', 'account_not_found', `There is no account with ${which}.`);

/** @throws LatchkeyError not_found */
export async function profileOf(
  source: Knex,
  where: { id: string } | { username: string },
): Promise<Profile> {
  const row = await source('T_accounts').where(where).first<AccountRow | undefined>(ACCOUNT_COLUMNS);
  if (!row) throw accountNotFound('username' in where ? `the username ${where.username}` : 'that id');
  const roles = await source('T_account_roles as r')
    .leftJoin('T_oauth_clients as c', 'c.id', 'r.client_id')
    .where('r.account_id', row.id)
    .orderBy('r.id')
    .select('r.role', 'c.client_id', 'c.client_name');
  const ledger = await source('T_invitation_redemptions as r')
    .join('T_invitations as i', 'i.id', 'r.invitation_id')
    .leftJoin('T_accounts as a', 'a.id', 'i.created_by')
    .where('r.redeemed_by', row.id)
    .orderBy('r.id')
    .select('i.id', 'i.label', 'a.username', 'a.name', 'r.redeemed_at', 'r.scopes', 'r.roles');
  const credential = await source('T_credentials').where({ account_id: row.id }).first('id');
  return {
    ...toAccount(row),
    pending_email: await pendingEmail(source, row.id),
    has_password: credential !== undefined,
    roles,
    invitations: ledger.map((one) => ({
      id: one.id,
      label: one.label,
      invited_by: one.name ?? one.username,
      redeemed_at: toDate(one.redeemed_at).toISOString(),
      scopes: JSON.parse(one.scopes),
      roles: JSON.parse(one.roles),
    })),
  };
}
