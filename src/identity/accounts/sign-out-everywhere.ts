import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest } from '../../kit/ids.ts';

const TABLES = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

/** What continues when everything else ends. */
interface SignOutExceptions {
  /** The uid of a session. */
  session?: string;
  /** The uid of a pending authorization request. */
  request?: string;
  /** The id of a trusted browser. */
  browser?: string;
}

interface SignOutOptions {
  except?: SignOutExceptions;
}

export type SignOutEverywhere = (
  trx: Knex.Transaction,
  accountId: string,
  options?: SignOutOptions,
) => Promise<void>;

/** What lets a user act: a session, or a sign-in under way, each by its uid. */
export type SignedInBy = { session: string } | { request: string };

export const signedOutConcurrently = () =>
  new LatchkeyError(
    'unauthenticated',
    'signed_out_concurrently',
    'You were signed out in the meantime. Nothing was changed. Sign in again.',
  );

/** Locks the row of an account until the transaction ends, without changing it. */
const lockRow = (trx: Knex.Transaction, id: string) =>
  trx('T_accounts')
    .where({ id })
    .update({ updated_at: trx.ref('updated_at') });

/**
 * Ensures that the user is still signed in when something is added with which they can come back. The account is locked
 * until the transaction ends, and signing out everywhere locks it too. So of the two, the addition either comes first and is
 * undone with the rest, or comes second and is refused here.
 * @throws LatchkeyError unauthenticated
 */
export async function assertSignedIn(
  trx: Knex.Transaction,
  accountId: string,
  by: SignedInBy,
): Promise<void> {
  await lockRow(trx, accountId);
  const found =
    'session' in by
      ? await trx('T_user_sessions')
          .where({ account_id: accountId, uid: by.session, is_active: true })
          .first('id')
      : await trx('T_authorization_requests')
          .where({ account_id: accountId, uid_hash: digest(by.request), status: 'pending' })
          .first('id');
  if (!found) throw signedOutConcurrently();
}

/**
 * @param deps functions of other rooms. Two of them delete the mailed links and trusted browsers, which could let
 *   somebody sign in again
 */
export function createSignOutEverywhere(deps: {
  voidLinks(trx: Knex.Transaction, accountId: string): Promise<void>;
  forgetBrowsers(trx: Knex.Transaction, accountId: string, except?: string): Promise<void>;
  /** Leaves for the clients of the account's sessions that these have ended. */
  recordSessionEnds(trx: Knex.Transaction, accountId: string, exceptUid?: string): Promise<void>;
}): SignOutEverywhere {
  /**
   * Ends every session, pending sign-in, code, token, mailed link and trusted browser of an account. Revokes its grants, and
   * forgets its consents: somebody else may have given them, and the owner's next session would use them.
   */
  return async (trx, accountId, { except = {} } = {}) => {
    await lockRow(trx, accountId);
    // First the requests, then the consents, the sessions and the tokens: each may lead to the next. What a concurrent
    // request commits before this point is found below, and what it commits later fails at its guard.
    // In a pending request, the user may already have entered the old password. Continued later, it would start a
    // session.
    const requests = trx('T_authorization_requests').where({ account_id: accountId, status: 'pending' });
    if (except.request !== undefined) requests.whereNot({ uid_hash: digest(except.request) });
    await requests.update({ status: 'expired' });
    await trx('T_consents').where({ account_id: accountId }).delete();
    await deps.recordSessionEnds(trx, accountId, except.session);
    const sessions = trx('T_user_sessions').where({ account_id: accountId });
    if (except.session !== undefined) sessions.whereNot({ uid: except.session });
    await sessions.update({ is_active: false });
    for (const table of TABLES) await trx(table).where({ account_id: accountId }).delete();
    await deps.voidLinks(trx, accountId);
    await deps.forgetBrowsers(trx, accountId, except.browser);
    await trx('T_grants')
      .where({ account_id: accountId })
      .whereNull('revoked_at')
      .update({ revoked_at: new Date() });
  };
}

/** Deletes the access tokens of an account. Its refresh tokens then yield only what its ceiling still allows. */
export async function revokeAccessTokens(trx: Knex.Transaction, accountId: string): Promise<void> {
  await trx('T_access_tokens').where({ account_id: accountId }).delete();
}
