import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_invitation_redemptions';

/** A use of an invitation, and what it added to the account. */
export interface Redemption {
  /** Null when the account was deleted. */
  username: string | null;
  redeemed_at: string;
  ip_address: string | null;
  scopes: string[];
  roles: string[];
}

export interface NewRedemption {
  invitationId: string;
  accountId: string;
  scopes: string[];
  roles: string[];
  ip: string | undefined;
}

/** @throws a unique violation when the account has used the invitation before */
export async function insertRedemption(trx: Knex.Transaction, redemption: NewRedemption): Promise<void> {
  const now = new Date();
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: now,
    invitation_id: redemption.invitationId,
    redeemed_by: redemption.accountId,
    scopes: JSON.stringify(redemption.scopes),
    roles: JSON.stringify(redemption.roles),
    redeemed_at: now,
    ip_address: redemption.ip?.slice(0, 45) ?? null,
  });
}

const toIso = (value: Date | string) => toDate(value).toISOString();

/** The uses of an invitation, oldest first. */
export async function listRedemptions(source: Knex, invitationId: string): Promise<Redemption[]> {
  const rows = await source(`${TABLE} as r`)
    .leftJoin('T_accounts as a', 'a.id', 'r.redeemed_by')
    .where('r.invitation_id', invitationId)
    .orderBy('r.id')
    .select('a.username', 'r.redeemed_at', 'r.ip_address', 'r.scopes', 'r.roles');
  return rows.map((row) => ({
    username: row.username,
    redeemed_at: toIso(row.redeemed_at),
    ip_address: row.ip_address,
    scopes: JSON.parse(row.scopes),
    roles: JSON.parse(row.roles),
  }));
}

/** The accounts that used an invitation and still exist, in one order, so that two revocations do not deadlock. */
export async function listRedeemers(source: Knex, invitationId: string) {
  const rows = await source(`${TABLE} as r`)
    .join('T_accounts as a', 'a.id', 'r.redeemed_by')
    .where('r.invitation_id', invitationId)
    .orderBy('a.id')
    .select('a.id', 'a.username', 'r.scopes', 'r.roles');
  return rows.map((row) => ({
    accountId: row.id as string,
    username: row.username as string,
    scopes: JSON.parse(row.scopes) as string[],
    roles: JSON.parse(row.roles) as string[],
  }));
}

/** The invitations that an account has used, oldest first. */
export async function listRedeemedInvitations(source: Knex, accountId: string) {
  const rows = await source(`${TABLE} as r`)
    .join('T_invitations as i', 'i.id', 'r.invitation_id')
    .leftJoin('T_accounts as a', 'a.id', 'i.created_by')
    .where('r.redeemed_by', accountId)
    .orderBy('r.id')
    .select('i.id', 'i.label', 'a.username', 'a.name', 'r.redeemed_at', 'r.scopes', 'r.roles');
  return rows.map((row) => ({
    id: row.id as string,
    label: row.label as string | null,
    invited_by: (row.name ?? row.username) as string | null,
    redeemed_at: toIso(row.redeemed_at),
    scopes: JSON.parse(row.scopes) as string[],
    roles: JSON.parse(row.roles) as string[],
  }));
}
