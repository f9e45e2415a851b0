import { record } from '../../audit/index.ts';
import type { Row } from '../../kit/statements.ts';
import { unit } from '../../kit/unit-of-work.ts';
import { type GuessCount, NO_GUESSES, reserveGuess } from '../passwords/guesses.ts';
import type { Passwords } from '../passwords/index.ts';
import { rememberBrowser, touchBrowser } from '../passwords/known-browsers.ts';
import { normalise } from './schema.ts';

const SQL = `SELECT a.id, a.is_active, c.id AS credential_id, c.password_hash, b.id AS browser_id FROM T_accounts a
  JOIN T_credentials c ON c.account_id = a.id
  LEFT JOIN T_known_browsers b ON b.account_id = a.id AND b.token_hash = ? AND b.expires_at > ?
  WHERE a.username = ?`;

const failureOf = (row: unknown, allowed: boolean, matches: boolean) => {
  if (!row) return 'unknown_account';
  if (!allowed) return 'password_locked';
  return matches ? 'disabled_account' : 'wrong_password';
};

/**
 * Username and password. One answer for every failure, and the same work whether the account exists, is locked or
 * not: one read, one guess reserved, one bcrypt, one audit row. A browser that this person signed in with before has
 * a count of its own, so that nobody elsewhere can lock them out of it.
 * @param given `browserHash` is the digest of what this browser keeps; it is known from this sign-in on
 * @returns the account's id, or undefined
 */
export async function signIn(
  passwords: Passwords,
  given: { username: string; password: string; clientId?: string; browserHash: string },
): Promise<string | undefined> {
  const { clientId, browserHash } = given;
  const now = new Date();
  const row = await unit().get(SQL, [browserHash, now, normalise(given.username)]);
  const hash = row ? String(row.password_hash) : undefined;
  const browserId = row?.browser_id ? String(row.browser_id) : undefined;
  const count: GuessCount | undefined = browserId
    ? { table: 'T_known_browsers', id: browserId }
    : row && { table: 'T_credentials', id: String(row.credential_id) };
  let allowed = false;
  const matches = await passwords.verify(given.password, async () => {
    allowed = await reserveGuess(count);
    return allowed ? hash : undefined;
  });
  const accountId = row ? String(row.id) : null;
  if (!row || !accountId || !count || !matches || !row.is_active) {
    const errorCode = failureOf(row, allowed, matches);
    record({ action: 'sign_in.failed', accountId, clientId, success: false, errorCode });
    return undefined;
  }
  if (browserId) touchBrowser(browserId);
  else rememberBrowser(accountId, browserHash);
  unit().write({
    kind: 'update',
    table: 'T_accounts',
    set: { last_login_at: now },
    where: { id: accountId },
  });
  const fresh: Row =
    hash && passwords.isStale(hash)
      ? { password_hash: await passwords.hash(given.password), updated_at: now }
      : {};
  // What others guessed stays counted when a browser with a count of its own comes in.
  const set: Row = { ...(browserId ? {} : NO_GUESSES), ...fresh };
  // Only while it is still the hash that was verified: a change of the password meanwhile is not undone.
  const where = { id: String(row.credential_id), password_hash: hash ?? '' };
  if (Object.keys(set).length > 0) unit().write({ kind: 'update', table: 'T_credentials', set, where });
  record({ action: 'sign_in.succeeded', accountId, clientId, details: { method: 'password' } });
  return accountId;
}
