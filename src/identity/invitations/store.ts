import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';

/** One row for all set-up links: a new one ends the one before it. */
export const SET_UP_ID = '00000000-0000-7000-8000-000000000001';

export type InvitationState = 'waiting' | 'used' | 'expired' | 'revoked';

export interface InvitationRow {
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
  inviter: string | null;
  inviter_name: string | null;
  inviter_scopes: string | null;
  inviter_active: boolean | number | null;
}

export interface Invitation {
  id: string;
  label: string | null;
  email: string | null;
  scopes: string[];
  roles: string[];
  state: InvitationState;
  max_uses: number;
  uses: number;
  /** The username of who invited; null for the operator at the command line. */
  created_by: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface MadeInvitation extends Invitation {
  /** Shown this once: only its hash is kept. */
  code: string;
  url: string;
}

export interface Redemption {
  username: string | null;
  redeemed_at: string;
  ip_address: string | null;
  scopes: string[];
  roles: string[];
}

/** An invitation with who made it; used here and where it is redeemed. */
export const invitationQuery = (source: Knex) =>
  source('T_invitations as i')
    .leftJoin('T_accounts as a', 'a.id', 'i.created_by')
    .select<InvitationRow[]>(
      ...[
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
      ].map((column) => `i.${column} as ${column}`),
      'a.username as inviter',
      'a.name as inviter_name',
      'a.scopes as inviter_scopes',
      'a.is_active as inviter_active',
    );

/** An invitation of somebody who was disabled or deleted since is no invitation any more. */
export function stateOf(row: InvitationRow, now = new Date()): InvitationState {
  if (row.revoked_at !== null || !(row.by_operator || row.inviter_active)) return 'revoked';
  if (row.uses >= row.max_uses) return 'used';
  return row.expires_at !== null && toDate(row.expires_at) <= now ? 'expired' : 'waiting';
}

const iso = (value: unknown) => (value === null ? null : toDate(value).toISOString());

/** A row as it is told. */
export function toInvitation(row: InvitationRow): Invitation {
  return {
    id: row.id,
    label: row.label,
    email: row.email,
    scopes: JSON.parse(row.scopes),
    roles: JSON.parse(row.roles),
    state: stateOf(row),
    max_uses: row.max_uses,
    uses: row.uses,
    created_by: row.inviter,
    created_at: toDate(row.created_at).toISOString(),
    expires_at: iso(row.expires_at),
    revoked_at: iso(row.revoked_at),
  };
}
