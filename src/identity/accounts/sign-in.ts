import { record } from '../../audit/index.ts';
import type { Row } from '../../kit/statements.ts';
import { unit } from '../../kit/unit-of-work.ts';
import type { Passwords } from '../passwords/index.ts';
import { normalise } from './schema.ts';

const SQL = `SELECT a.id, a.is_active, c.id AS credential_id, c.password_hash FROM T_accounts a
  JOIN T_credentials c ON c.account_id = a.id WHERE a.username = ?`;

/**
 * Username and password. One answer for every failure, and the same work whether the account exists or not:
 * one read, one bcrypt, one audit row.
 * @returns the account's id, or undefined
 */
export async function signIn(
  passwords: Passwords,
  given: { username: string; password: string; clientId?: string },
): Promise<string | undefined> {
  const username = normalise(given.username);
  const row = await unit().get(SQL, [username]);
  const hash = row ? String(row.password_hash) : undefined;
  const matches = await passwords.verify(given.password, hash);
  const accountId = row ? String(row.id) : null;
  if (!row || !accountId || !matches || !row.is_active) {
    const errorCode = !row ? 'unknown_account' : matches ? 'disabled_account' : 'wrong_password';
    record({ action: 'sign_in.failed', accountId, clientId: given.clientId, success: false, errorCode });
    return undefined;
  }
  const now = new Date();
  unit().write({
    kind: 'update',
    table: 'T_accounts',
    set: { last_login_at: now },
    where: { id: accountId },
  });
  const stale = hash !== undefined && passwords.isStale(hash);
  const renewed: Row = stale ? { password_hash: await passwords.hash(given.password) } : {};
  // Only while it is still the hash that was verified: who changes the password meanwhile is not undone, and locks out
  // whoever knew the old one. A stale hash may have been renewed by the same person's other sign-in.
  unit().write({
    kind: 'update',
    table: 'T_credentials',
    set: { failed_login_attempts: 0, locked_until: null, ...renewed },
    where: { id: String(row.credential_id), password_hash: String(hash) },
    guard: stale ? undefined : 'password',
  });
  record({
    action: 'sign_in.succeeded',
    accountId,
    clientId: given.clientId,
    details: { method: 'password' },
  });
  return accountId;
}
