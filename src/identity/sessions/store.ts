import type { Knex } from 'knex';
import { sql, update } from '../../database/statement-builders.ts';

const TABLE = 'T_user_sessions';

/** Tables of what was issued under a grant. */
const ISSUED_TABLES = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

export interface SessionRow {
  id: string;
  uid: string;
  account_id: string;
  username: string;
  created_at: Date | string;
  signed_in_at: Date | string | null;
  last_used_at: Date | string | null;
  expires_at: Date | string;
  ip_address: string | null;
  user_agent: string | null;
  amr: string | null;
}

/** Live sessions, of one account or of all, the last used first. */
export function listSessions(source: Knex, accountId?: string): Promise<SessionRow[]> {
  const query = source(`${TABLE} as s`)
    .join('T_accounts as a', 'a.id', 's.account_id')
    .where('s.is_active', true)
    .where('s.expires_at', '>', new Date());
  if (accountId !== undefined) query.where('s.account_id', accountId);
  return query
    .orderBy('s.last_used_at', 'desc')
    .orderBy('s.id', 'desc')
    .select(
      ...['id', 'uid', 'account_id', 'created_at', 'signed_in_at', 'last_used_at', 'expires_at'].map(
        (column) => `s.${column}`,
      ),
      's.ip_address',
      's.user_agent',
      's.amr',
      'a.username',
    );
}

/** The account of a session, live or not. */
export async function findSessionOwner(source: Knex, id: string): Promise<string | undefined> {
  const row = await source(TABLE).where({ id }).whereNotNull('account_id').first('account_id');
  return row?.account_id;
}

/** One session of an account, or all but one. */
export type SessionFilter = { id: string } | { exceptUid: string } | Record<string, never>;

/** Locks the account, so that of two requests that end the same session only one finds it live. */
const lockOwner = (trx: Knex.Transaction, id: string) =>
  trx('T_accounts')
    .where({ id })
    .update({ updated_at: trx.ref('updated_at') });

export interface EndedSession {
  uid: string;
  account_id: string;
  /** JSON: by client_id. */
  authorizations: string;
}

/** The grants that end with these sessions: those of applications that get no access beyond the session. */
function listBoundGrants(sessions: EndedSession[]): string[] {
  return sessions.flatMap(({ authorizations }) => {
    const byClient: Record<string, { grantId?: string; persistsLogout?: boolean }> =
      JSON.parse(authorizations);
    return Object.values(byClient)
      .filter(({ grantId, persistsLogout }) => grantId !== undefined && !persistsLogout)
      .map(({ grantId }) => String(grantId));
  });
}

/**
 * Ends sessions and what was issued in them, like a sign-out. A code or token that a concurrent request still writes is
 * bound to the session, and so is refused.
 * @returns the sessions that have ended now
 */
export async function endSessions(
  trx: Knex.Transaction,
  accountId: string,
  filter: SessionFilter,
): Promise<EndedSession[]> {
  await lockOwner(trx, accountId);
  const live = trx(TABLE)
    .where({ account_id: accountId, is_active: true })
    .where('expires_at', '>', new Date());
  if ('id' in filter) live.where({ id: filter.id });
  if ('exceptUid' in filter) live.whereNot({ uid: filter.exceptUid });
  const ids: string[] = await live.pluck('id');
  if (ids.length === 0) return [];
  await trx(TABLE).whereIn('id', ids).update({ is_active: false });
  const ended: EndedSession[] = await trx(TABLE)
    .whereIn('id', ids)
    .select('uid', 'account_id', 'authorizations');
  const grants = listBoundGrants(ended);
  if (grants.length > 0) {
    await trx('T_grants')
      .where({ account_id: accountId })
      .whereIn('id', grants)
      .whereNull('revoked_at')
      .update({ revoked_at: new Date() });
    for (const table of ISSUED_TABLES)
      await trx(table).where({ account_id: accountId }).whereIn('grant_id', grants).delete();
  }
  return ended;
}

/** Ends the sign-ins of an account that are under way: continued later, each would start a session. */
export async function endPendingSignIns(trx: Knex.Transaction, accountId: string): Promise<void> {
  await trx('T_authorization_requests')
    .where({ account_id: accountId, status: 'pending' })
    .update({ status: 'expired' });
}

/** Changes no row if the session has ended, or if another server has recorded a later use. */
export const RECORD_USE = update(TABLE, {
  set: ['last_used_at'],
  where: sql`uid = ${'uid'} AND is_active = true AND last_used_at < ${'before'}`,
});
