import { recordEvent } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { normalise } from '../fields.ts';
import type { Passwords } from './hashing.ts';
import { type GuessCount, NO_GUESSES, reserveGuess } from './lockout.ts';
import { rememberBrowser, touchBrowser } from './trusted-browsers.ts';

const SQL = `SELECT a.id, a.is_active, c.id AS credential_id, c.password_hash, b.id AS browser_id,
  CASE WHEN b.id IS NULL THEN c.locked_until ELSE b.locked_until END AS locked_until FROM T_accounts a
  JOIN T_credentials c ON c.account_id = a.id
  LEFT JOIN T_known_browsers b ON b.account_id = a.id AND b.token_hash = ? AND b.expires_at > ?
  WHERE a.username = ?`;

export interface GivenPassword {
  username: string;
  password: string;
  clientId?: string;
  /** The digest of what this browser keeps. */
  browserHash: string;
}

/** Whose password it is, and the hash that it was held against. */
export interface Proof {
  accountId: string;
  credentialId: string;
  passwordHash: string;
  /** The browser that is known by this person, if it is. */
  browserId: string | undefined;
}

const failureOf = (row: unknown, allowed: boolean, matches: boolean) => {
  if (!row) return 'unknown_account';
  if (!allowed) return 'password_locked';
  return matches ? 'disabled_account' : 'wrong_password';
};

/**
 * One answer for every failure, and the same work whether the account exists, is locked or not: one read, one guess
 * reserved, one bcrypt, one audit row. A browser that this person signed in with before has a count of its own, so
 * that nobody elsewhere can lock them out of it. The guess stays counted until the caller clears the count.
 */
export async function provePassword(passwords: Passwords, given: GivenPassword): Promise<Proof | undefined> {
  const { clientId, browserHash } = given;
  const row = await currentUnit().readOne(SQL, [browserHash, new Date(), normalise(given.username)]);
  const hash = row ? String(row.password_hash) : undefined;
  const browserId = row?.browser_id ? String(row.browser_id) : undefined;
  const isOpen = !row?.locked_until || toDate(row.locked_until) <= new Date();
  const count: GuessCount | undefined = browserId
    ? { table: 'T_known_browsers', id: browserId, isOpen }
    : row && { table: 'T_credentials', id: String(row.credential_id), isOpen };
  let allowed = false;
  const matches = await passwords.verify(given.password, async () => {
    allowed = await reserveGuess(count);
    return allowed ? hash : undefined;
  });
  if (row && hash && matches && row.is_active) {
    const [accountId, credentialId] = [String(row.id), String(row.credential_id)];
    return { accountId, credentialId, passwordHash: hash, browserId };
  }
  const accountId = row ? String(row.id) : null;
  const errorCode = failureOf(row, allowed, matches);
  recordEvent({ action: 'sign_in.failed', accountId, clientId, success: false, errorCode });
  return undefined;
}

/** The guess was right: what it counted is taken back, in the commit of the request under way. */
export function clearGuess({ browserId, credentialId: id }: Proof): void {
  if (browserId) touchBrowser(browserId);
  else currentUnit().write({ kind: 'update', table: 'T_credentials', set: NO_GUESSES, where: { id } });
}

/**
 * Username and password; this browser is known from now on.
 * @returns the account's id, or undefined
 */
export async function signIn(passwords: Passwords, given: GivenPassword): Promise<string | undefined> {
  const proof = await provePassword(passwords, given);
  if (!proof) return undefined;
  const { accountId, credentialId: id, passwordHash, browserId } = proof;
  if (browserId) touchBrowser(browserId);
  else rememberBrowser(accountId, given.browserHash);
  const last_login_at = new Date();
  currentUnit().write({
    kind: 'update',
    table: 'T_accounts',
    set: { last_login_at },
    where: { id: accountId },
  });
  const stale = passwords.isStale(passwordHash);
  currentUnit().write({
    kind: 'update',
    table: 'T_credentials',
    set: {
      password_hash: stale ? await passwords.hash(given.password) : passwordHash,
      // What others guessed stays counted when a browser with a count of its own comes in.
      ...(browserId ? {} : NO_GUESSES),
    },
    // Only while it is still the hash that was verified: who changes the password meanwhile is not undone, and locks
    // out whoever knew the old one. A stale hash may have been renewed by the same person's other sign-in.
    where: { id, password_hash: passwordHash },
    guard: stale ? undefined : 'password',
  });
  recordEvent({
    action: 'sign_in.succeeded',
    accountId,
    clientId: given.clientId,
    details: { method: 'password' },
  });
  return accountId;
}
