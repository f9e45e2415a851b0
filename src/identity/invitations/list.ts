import type { Knex } from 'knex';
import type { z } from 'zod';
import type { invitationQueryInput } from './schema.ts';
import { type Invitation, type InvitationState, invitationQuery, SET_UP_ID, toInvitation } from './store.ts';

export interface InvitationPage {
  invitations: Invitation[];
  /** The `after` of the next page; none at the end. */
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
const full: Condition = (q) => q.whereRaw('i.uses >= i.max_uses');
const notFull: Condition = (q) => q.whereRaw('i.uses < i.max_uses');
const ended: Condition = (q) => q.where('i.expires_at', '<=', new Date());
const notEnded: Condition = (q) => q.whereNull('i.expires_at').orWhere('i.expires_at', '>', new Date());

/** What `stateOf` says of one, in SQL. */
const STATES: Record<InvitationState | 'all', Condition[]> = {
  all: [],
  revoked: [revoked],
  used: [notRevoked, full],
  expired: [notRevoked, notFull, ended],
  waiting: [notRevoked, notFull, notEnded],
};

/** What stands in a LIKE for itself. */
const literally = (text: string) => text.replace(/[!%_]/g, '!$&');

/**
 * A page of the invitations, newest first, by their time-ordered ids: what is made meanwhile moves no page.
 * The search looks into whom an invitation is for.
 */
export async function listInvitations(
  knex: Knex,
  { state, search, after, limit }: z.output<typeof invitationQueryInput>,
): Promise<InvitationPage> {
  const query = invitationQuery(knex).whereNot('i.id', SET_UP_ID);
  if (after !== undefined) query.where('i.id', '<', after);
  if (search !== '') {
    const like = `%${literally(search)}%`;
    query.where((any) =>
      any
        .whereRaw("lower(i.label) LIKE ? ESCAPE '!'", [like])
        .orWhereRaw("i.email LIKE ? ESCAPE '!'", [like]),
    );
  }
  for (const condition of STATES[state]) query.where((inner) => condition(inner));
  const rows = await query.orderBy('i.id', 'desc').limit(limit + 1);
  const page = rows.slice(0, limit);
  return { invitations: page.map(toInvitation), next: rows.length > limit ? page.at(-1)?.id : undefined };
}
