import type { Knex } from 'knex';
import type { z } from 'zod';
import { type Invitation, toInvitation } from './invitation.ts';
import type { invitationQueryInput } from './schema.ts';
import { type InvitationState, invitationQuery, SET_UP_ID, toStoredInvitation } from './store.ts';

export interface InvitationPage {
  invitations: Invitation[];
  /** The `after` of the next page; unset on the last page. */
  next?: string;
}

type Condition = (query: Knex.QueryBuilder) => void;

const revoked: Condition = (q) =>
  q
    .whereNotNull('i.revoked_at')
    .orWhere((by) =>
      by.where('i.by_operator', false).where((gone) => gone.whereNull('a.id').orWhere('a.is_active', false)),
    );
const notRevoked: Condition = (q) =>
  q.whereNull('i.revoked_at').where((by) => by.where('i.by_operator', true).orWhere('a.is_active', true));
const usedUp: Condition = (q) => q.whereRaw('i.uses >= i.max_uses');
const notUsedUp: Condition = (q) => q.whereRaw('i.uses < i.max_uses');
const expired: Condition = (q) => q.where('i.expires_at', '<=', new Date());
const notExpired: Condition = (q) => q.whereNull('i.expires_at').orWhere('i.expires_at', '>', new Date());

/** `stateOf`, in SQL. */
const STATES: Record<InvitationState | 'all', Condition[]> = {
  all: [],
  revoked: [revoked],
  used: [notRevoked, usedUp],
  expired: [notRevoked, notUsedUp, expired],
  waiting: [notRevoked, notUsedUp, notExpired],
};

/** Escapes the wildcards of LIKE. */
const escapeLike = (text: string) => text.replace(/[!%_]/g, '!$&');

/**
 * One page of invitations, newest first. The ids are ordered by time, so an invitation that is created in between does
 * not move the pages.
 * @param query `search`: in lower case, finds invitations by label or e-mail address
 */
export async function listInvitations(
  knex: Knex,
  { state, search, after, limit }: z.output<typeof invitationQueryInput>,
): Promise<InvitationPage> {
  const query = invitationQuery(knex).whereNot('i.id', SET_UP_ID);
  if (after !== undefined) query.where('i.id', '<', after);
  if (search !== '') {
    const pattern = `%${escapeLike(search)}%`;
    query.where((any) =>
      any
        .whereRaw("lower(i.label) LIKE ? ESCAPE '!'", [pattern])
        .orWhereRaw("i.email LIKE ? ESCAPE '!'", [pattern]),
    );
  }
  for (const condition of STATES[state]) query.where((inner) => condition(inner));
  const rows = await query.orderBy('i.id', 'desc').limit(limit + 1);
  const page = rows.slice(0, limit);
  return {
    invitations: page.map(toStoredInvitation).map(toInvitation),
    next: rows.length > limit ? page.at(-1)?.id : undefined,
  };
}
