import type { Knex } from 'knex';
import type { z } from 'zod';
import { BATCH_PREFIX_LENGTH, batchRange } from './batch.ts';
import type { invitationQueryInput } from './input.ts';
import { type Invitation, toInvitation } from './invitation.ts';
import {
  findInvitations,
  type InvitationState,
  invitationQuery,
  SET_UP_ID,
  toStoredInvitation,
} from './store.ts';

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

type Query = z.output<typeof invitationQueryInput>;

/** The invitations that a query asks for, of all pages from `after` on. */
function matching(knex: Knex, { state, search, after, batch }: Query) {
  const query = invitationQuery(knex).whereNot('i.id', SET_UP_ID);
  if (after !== undefined) query.where('i.id', '<', after);
  if (batch !== undefined) query.whereBetween('i.id', batchRange(batch));
  if (search !== '') {
    const pattern = `%${escapeLike(search)}%`;
    query.where((any) =>
      any
        .whereRaw("lower(i.label) LIKE ? ESCAPE '!'", [pattern])
        .orWhereRaw("i.email LIKE ? ESCAPE '!'", [pattern]),
    );
  }
  for (const condition of STATES[state]) query.where((inner) => condition(inner));
  return query;
}

/**
 * One page of invitations, newest first. The ids are ordered by time, so an invitation that is created in between does
 * not move the pages.
 * @param query `search`: in lower case, finds invitations by label or e-mail address
 */
export async function listInvitations(knex: Knex, query: Query): Promise<InvitationPage> {
  const { limit } = query;
  const rows = await matching(knex, query)
    .orderBy('i.id', 'desc')
    .limit(limit + 1);
  const page = rows.slice(0, limit);
  return {
    invitations: page.map(toStoredInvitation).map(toInvitation),
    next: rows.length > limit ? page.at(-1)?.id : undefined,
  };
}

/** Invitations that were created together, as far as the query asks for them. */
export interface InvitationBatch {
  /** The invitation of the batch with the smallest id. The others differ from it only in code, uses and state. */
  first: Invitation;
  count: number;
  /** How many accounts have used them, and how many can. */
  uses: number;
  max_uses: number;
}

/** One page of batches, newest first. An invitation that was created alone is a batch of one. */
export async function listBatches(
  knex: Knex,
  query: Query,
): Promise<{ batches: InvitationBatch[]; next?: string }> {
  const rows = await matching(knex, query)
    .clearSelect()
    .select(
      knex.raw('min(i.id) as first_id, count(*) as count, sum(i.uses) as uses, sum(i.max_uses) as max_uses'),
    )
    .groupByRaw(`substr(i.id, 1, ${BATCH_PREFIX_LENGTH})`)
    .orderBy('first_id', 'desc')
    .limit(query.limit + 1);
  const page: { first_id: string; count: number; uses: number; max_uses: number }[] = rows.slice(
    0,
    query.limit,
  );
  const firsts = await findInvitations(
    knex,
    page.map(({ first_id }) => first_id),
  );
  const byId = new Map(firsts.map((first) => [first.id, toInvitation(first)]));
  const batches = page.map((row) => ({
    first: byId.get(row.first_id) as Invitation,
    count: Number(row.count),
    uses: Number(row.uses),
    max_uses: Number(row.max_uses),
  }));
  return { batches, next: rows.length > query.limit ? page.at(-1)?.first_id : undefined };
}
