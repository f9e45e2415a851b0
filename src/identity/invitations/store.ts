import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';

import { batchRange } from './batch.ts';

const TABLE = 'T_invitations';
const ROWS_PER_INSERT = 50;

/** All set-up links share this row, so that a new one replaces the one before it. */
export const SET_UP_ID = '00000000-0000-7000-8000-000000000001';

export type InvitationState = 'waiting' | 'used' | 'expired' | 'revoked';

interface Row {
  id: string;
  created_at: Date | string;
  label: string | null;
  email: string | null;
  scopes: string;
  roles: string;
  by_operator: boolean | number;
  created_by: string | null;
  max_uses: number;
  uses: number;
  revoked_at: Date | string | null;
  expires_at: Date | string | null;
  mailed_at: Date | string | null;
  inviter: string | null;
  inviter_name: string | null;
  inviter_scopes: string | null;
  inviter_active: boolean | number | null;
}

/** An invitation with the account that created it. */
export interface StoredInvitation {
  id: string;
  createdAt: Date;
  label: string | null;
  /** Only an account with this address can be created with it. */
  email: string | null;
  scopes: string[];
  roles: string[];
  /** Created at the command line, with the powers of the operator. */
  isByOperator: boolean;
  maxUses: number;
  uses: number;
  revokedAt: Date | null;
  expiresAt: Date | null;
  /** Whether the code is known only from a mail to that address. */
  isMailed: boolean;
  /** Null for the operator, and when the account was deleted. */
  inviter: { id: string; username: string; name: string | null; scopes: string[]; isActive: boolean } | null;
}

const COLUMNS = [
  'id',
  'created_at',
  'label',
  'email',
  'scopes',
  'roles',
  'by_operator',
  'created_by',
  'max_uses',
  'uses',
  'revoked_at',
  'expires_at',
  'mailed_at',
].map((column) => `i.${column} as ${column}`);

const toDateOrNull = (value: Date | string | null) => (value === null ? null : toDate(value));

export function toStoredInvitation(row: Row): StoredInvitation {
  const { created_by, inviter, inviter_name, inviter_scopes, inviter_active } = row;
  return {
    id: row.id,
    createdAt: toDate(row.created_at),
    label: row.label,
    email: row.email,
    scopes: JSON.parse(row.scopes),
    roles: JSON.parse(row.roles),
    isByOperator: Boolean(row.by_operator),
    maxUses: row.max_uses,
    uses: row.uses,
    revokedAt: toDateOrNull(row.revoked_at),
    expiresAt: toDateOrNull(row.expires_at),
    isMailed: row.mailed_at !== null,
    inviter:
      created_by === null || inviter === null
        ? null
        : {
            id: created_by,
            username: inviter,
            name: inviter_name,
            scopes: JSON.parse(inviter_scopes ?? '[]'),
            isActive: Boolean(inviter_active),
          },
  };
}

/** Invitations as `i`, each with the account `a` that created it. */
export const invitationQuery = (source: Knex) =>
  source(`${TABLE} as i`)
    .leftJoin('T_accounts as a', 'a.id', 'i.created_by')
    .select<Row[]>(
      ...COLUMNS,
      'a.username as inviter',
      'a.name as inviter_name',
      'a.scopes as inviter_scopes',
      'a.is_active as inviter_active',
    );

export async function findInvitation(
  source: Knex,
  filter: { id: string } | { code_hash: string },
): Promise<StoredInvitation | undefined> {
  const [column, value] = 'id' in filter ? ['i.id', filter.id] : ['i.code_hash', filter.code_hash];
  const row = await invitationQuery(source).where(column, value).first<Row | undefined>();
  return row && toStoredInvitation(row);
}

/** Oldest first. */
export async function findInvitations(source: Knex, ids: string[]): Promise<StoredInvitation[]> {
  return (await invitationQuery(source).whereIn('i.id', ids).orderBy('i.id')).map(toStoredInvitation);
}

export interface NewInvitation {
  id: string;
  codeHash: string;
  label: string | null;
  email: string | null;
  scopes: string[];
  roles: string[];
  /** The account that creates it; null for the operator. */
  createdBy: string | null;
  maxUses: number;
  expiresAt: Date | null;
}

const toRow = (invitation: NewInvitation) => ({
  id: invitation.id,
  created_at: new Date(),
  code_hash: invitation.codeHash,
  label: invitation.label,
  email: invitation.email,
  scopes: JSON.stringify(invitation.scopes),
  roles: JSON.stringify(invitation.roles),
  by_operator: invitation.createdBy === null,
  created_by: invitation.createdBy,
  max_uses: invitation.maxUses,
  uses: 0,
  expires_at: invitation.expiresAt,
});

/** @throws a unique violation when there is an invitation with one of the ids */
export async function insertInvitations(trx: Knex.Transaction, invitations: NewInvitation[]): Promise<void> {
  const rows = invitations.map(toRow);
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await trx(TABLE).insert(rows.slice(start, start + ROWS_PER_INSERT));
}

/** Replaces the invitation with that id, or inserts it. */
export async function putInvitation(trx: Knex.Transaction, invitation: NewInvitation): Promise<void> {
  const { id, ...row } = { ...toRow(invitation), revoked_at: null };
  if ((await trx(TABLE).where({ id }).update(row)) === 0) await trx(TABLE).insert({ id, ...row });
}

/**
 * Counts one use of an invitation that is not revoked, used up or expired. The row count of one UPDATE decides.
 * @returns whether it was counted
 */
export async function countUse(trx: Knex.Transaction, codeHash: string, now: Date): Promise<boolean> {
  const counted = await trx(TABLE)
    .where({ code_hash: codeHash })
    .whereNull('revoked_at')
    .where('uses', '<', trx.ref('max_uses'))
    .where((either) => either.whereNull('expires_at').orWhere('expires_at', '>', now))
    .increment('uses', 1);
  return counted === 1;
}

/** Revokes every invitation that an account created. @returns how many could still be used */
export const revokeInvitationsBy = (trx: Knex.Transaction, accountId: string): Promise<number> =>
  trx(TABLE).where({ created_by: accountId }).whereNull('revoked_at').update({ revoked_at: new Date() });

/** The ids of the batch that an invitation belongs to, without those that are revoked. */
export function listUnrevokedIds(trx: Knex.Transaction, id: string): Promise<string[]> {
  return trx(TABLE)
    .whereBetween('id', batchRange(id))
    .whereNot('id', SET_UP_ID)
    .whereNull('revoked_at')
    .orderBy('id')
    .pluck('id');
}

/** Whether an invitation is not one of several that were created together. */
export async function isCreatedAlone(source: Knex, id: string): Promise<boolean> {
  const batch = await source(TABLE).whereBetween('id', batchRange(id)).limit(2).pluck('id');
  return batch.length === 1;
}

/** Records that the mail server accepted the invitation. */
export async function markMailed(source: Knex, id: string): Promise<void> {
  await source(TABLE).where({ id }).update({ mailed_at: new Date() });
}

export async function markRevoked(trx: Knex.Transaction, id: string): Promise<void> {
  await trx(TABLE).where({ id }).whereNull('revoked_at').update({ revoked_at: new Date() });
}
