import { recordEvent } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { selectOne, sql, update } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { recordLogin } from '../accounts/store.ts';
import { normalise } from '../fields.ts';
import type { Passwords } from './hashing.ts';
import { type GuessCount, NO_GUESSES, reserveGuess } from './lockout.ts';
import { rememberBrowser, touchBrowser } from './trusted-browsers.ts';

const SELECT_CREDENTIAL = selectOne({
  columns: `a.id, a.is_active, c.id AS credential_id, c.password_hash, b.id AS browser_id,
    CASE WHEN b.id IS NULL THEN c.locked_until ELSE b.locked_until END AS locked_until`,
  from: sql`T_accounts a JOIN T_credentials c ON c.account_id = a.id
    LEFT JOIN T_known_browsers b
      ON b.account_id = a.id AND b.token_hash = ${'browser_hash'} AND b.expires_at > ${'now'}`,
  where: sql`a.username = ${'username'}`,
});

const GUESSES = ['failed_login_attempts', 'locked_until'] as const;
const CLEAR_GUESSES = update('T_credentials', { set: GUESSES, where: sql`id = ${'id'}` });

/**
 * Only while the hash is the one that was verified: a concurrent change of the password is not undone, and locks out
 * whoever knew the old one.
 */
const AS_VERIFIED = sql`id = ${'id'} AND password_hash = ${'verified_hash'}`;
const KEEP_PASSWORD = update('T_credentials', { set: ['password_hash'], where: AS_VERIFIED });
const KEEP_PASSWORD_AND_CLEAR_GUESSES = update('T_credentials', {
  set: ['password_hash', ...GUESSES],
  where: AS_VERIFIED,
});

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
  const row = await currentUnit().readOne(SELECT_CREDENTIAL, {
    browser_hash: browserHash,
    now: new Date(),
    username: normalise(given.username),
  });
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
  else currentUnit().write({ statement: CLEAR_GUESSES, values: { id, ...NO_GUESSES } });
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
  recordLogin(accountId);
  const stale = passwords.isStale(passwordHash);
  currentUnit().write({
    // Guesses from elsewhere stay counted when the browser has a count of its own.
    statement: browserId ? KEEP_PASSWORD : KEEP_PASSWORD_AND_CLEAR_GUESSES,
    values: {
      id,
      verified_hash: passwordHash,
      password_hash: stale ? await passwords.hash(given.password) : passwordHash,
      ...NO_GUESSES,
    },
    // A stale hash may have been renewed by another sign-in of the same person.
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
