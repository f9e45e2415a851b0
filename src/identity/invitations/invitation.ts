import type { InvitationState, StoredInvitation } from './store.ts';

/** An invitation as the command line, the console and the API present it. */
export interface Invitation {
  id: string;
  label: string | null;
  email: string | null;
  scopes: string[];
  roles: string[];
  state: InvitationState;
  max_uses: number;
  uses: number;
  /** A username; null for the operator. */
  created_by: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface CreatedInvitation extends Invitation {
  /** Shown only once: its digest is stored. */
  code: string;
  url: string;
}

/** An invitation counts as revoked when the account that created it is disabled or deleted. */
export function stateOf(invitation: StoredInvitation, now = new Date()): InvitationState {
  const { revokedAt, isByOperator, inviter, uses, maxUses, expiresAt } = invitation;
  if (revokedAt !== null || !(isByOperator || inviter?.isActive)) return 'revoked';
  if (uses >= maxUses) return 'used';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'waiting';
}

export function toInvitation(stored: StoredInvitation): Invitation {
  return {
    id: stored.id,
    label: stored.label,
    email: stored.email,
    scopes: stored.scopes,
    roles: stored.roles,
    state: stateOf(stored),
    max_uses: stored.maxUses,
    uses: stored.uses,
    created_by: stored.inviter?.username ?? null,
    created_at: stored.createdAt.toISOString(),
    expires_at: stored.expiresAt?.toISOString() ?? null,
    revoked_at: stored.revokedAt?.toISOString() ?? null,
  };
}
