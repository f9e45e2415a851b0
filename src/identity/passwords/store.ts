import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { type Fragment, selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { isLockActive } from '../lockout-rule.ts';
import { COUNTER_COLUMNS, NO_FAILED_ATTEMPTS } from './attempt-counters.ts';

const TABLE = 'T_credentials';

export async function insertPassword(
  trx: Knex.Transaction,
  password: { accountId: string; username: string; passwordHash: string },
): Promise<void> {
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: new Date(),
    account_id: password.accountId,
    username: password.username,
    password_hash: password.passwordHash,
    failed_login_attempts: 0,
  });
}

export async function hasPassword(source: Knex, accountId: string): Promise<boolean> {
  return (await source(TABLE).where({ account_id: accountId }).first('id')) !== undefined;
}

/** Locks the row of a password until the transaction ends, without changing it. */
export async function lockPassword(trx: Knex.Transaction, accountId: string): Promise<void> {
  await trx(TABLE)
    .where({ account_id: accountId })
    .update({ updated_at: trx.ref('updated_at') });
}

/**
 * Removes the password of an account, if a passkey can sign in to it. The check and the removal are one statement. The row of
 * the account must be locked: whoever removes a passkey at the same time locks it too.
 * @returns whether it was removed
 */
export async function deletePassword(trx: Knex.Transaction, accountId: string): Promise<boolean> {
  const passkey = trx('T_webauthn_credentials')
    .where({ account_id: accountId, kind: 'passkey' })
    .whereNull('deleted_at')
    .whereNotNull('signed_at')
    .select('id');
  return (await trx(TABLE).where({ account_id: accountId }).whereExists(passkey).delete()) === 1;
}

/** Sets the password of an account that has one, and ends its lockout. */
export async function setPassword(
  trx: Knex.Transaction,
  accountId: string,
  passwordHash: string,
): Promise<void> {
  await trx(TABLE)
    .where({ account_id: accountId })
    .update({ password_hash: passwordHash, ...NO_FAILED_ATTEMPTS, updated_at: new Date() });
}

/**
 * Replaces a password and ends its lockout, if the stored hash is still the one that was verified.
 * @returns whether it was
 */
export async function replacePassword(
  trx: Knex.Transaction,
  credentialId: string,
  hashes: { before: string; after: string },
): Promise<boolean> {
  const replaced = await trx(TABLE)
    .where({ id: credentialId, password_hash: hashes.before })
    .update({ password_hash: hashes.after, ...NO_FAILED_ATTEMPTS, updated_at: new Date() });
  return replaced === 1;
}

const selectPassword = (account: Fragment<'name'>) =>
  selectOne<'name' | 'browser_hash' | 'now'>({
    columns: `a.id, a.is_active, c.id AS credential_id, c.password_hash, b.id AS browser_id,
      CASE WHEN b.id IS NULL THEN c.locked_until ELSE b.locked_until END AS locked_until`,
    from: sql`T_accounts a JOIN T_credentials c ON c.account_id = a.id
      LEFT JOIN T_known_browsers b
        ON b.account_id = a.id AND b.token_hash = ${'browser_hash'} AND b.expires_at > ${'now'}`,
    where: account,
  });

const SELECT_BY_USERNAME = selectPassword(sql`a.username = ${'name'}`);
/** Finds an address only once it is confirmed: anyone could give an account the address of somebody else. */
const SELECT_BY_EMAIL = selectPassword(sql`a.email = ${'name'} AND a.email_verified = true`);

export interface StoredPassword {
  credentialId: string;
  accountId: string;
  isActive: boolean;
  passwordHash: string;
  /** Set when the user has signed in with this browser before. */
  browserId: string | undefined;
  /** Whether the account is locked, by the browser's own counter where it has one. */
  isLocked: boolean;
}

/**
 * Always the same reads for the same kind of name, so that an unknown one takes as long as a known one.
 * @param name in its normal form: a username, or the confirmed e-mail address of an account. Only old usernames have an @
 */
export async function findPassword(name: string, browserHash: string): Promise<StoredPassword | undefined> {
  const now = new Date();
  const values = { browser_hash: browserHash, now, name };
  const statements = name.includes('@') ? [SELECT_BY_USERNAME, SELECT_BY_EMAIL] : [SELECT_BY_USERNAME];
  const rows = await Promise.all(statements.map((statement) => currentUnit().readOne(statement, values)));
  const row = rows.find((one) => one !== undefined);
  if (!row) return undefined;
  return {
    credentialId: String(row.credential_id),
    accountId: String(row.id),
    isActive: Boolean(row.is_active),
    passwordHash: String(row.password_hash),
    browserId: row.browser_id ? String(row.browser_id) : undefined,
    isLocked: row.locked_until != null && isLockActive(toDate(row.locked_until), now.getTime()),
  };
}

const CLEAR_FAILED_ATTEMPTS = update(TABLE, { set: COUNTER_COLUMNS, where: sql`id = ${'id'}` });

/** Sets the counter of failed attempts back to zero, in the commit of the current request. */
export function clearFailedAttempts(credentialId: string): void {
  currentUnit().write({
    statement: CLEAR_FAILED_ATTEMPTS,
    values: { id: credentialId, ...NO_FAILED_ATTEMPTS },
  });
}

export async function renameCredential(
  trx: Knex.Transaction,
  accountId: string,
  username: string,
): Promise<void> {
  await trx(TABLE).where({ account_id: accountId }).update({ username });
}

const AS_VERIFIED = sql`id = ${'id'} AND password_hash IN (${'verified_hash'}, ${'renewed_hash'})`;
const KEEP_PASSWORD = update(TABLE, { set: ['password_hash'], where: AS_VERIFIED });
const KEEP_PASSWORD_AND_CLEAR = update(TABLE, {
  set: ['password_hash', ...COUNTER_COLUMNS],
  where: AS_VERIFIED,
});

/**
 * Writes the password's row in the commit of a sign-in, provided that it still has the hash that was verified, or the one
 * that another sign-in renewed it to. If the password was changed at the same moment, the whole request fails, and whoever
 * knows the old one stays out.
 * @param options `renewedHash`: by `PasswordHashing.renew`
 */
export function recordPasswordSignIn(
  verified: { credentialId: string; passwordHash: string },
  options: { renewedHash: string; clearFailedAttempts: boolean },
): void {
  const { credentialId, passwordHash } = verified;
  const { renewedHash } = options;
  currentUnit().write({
    statement: options.clearFailedAttempts ? KEEP_PASSWORD_AND_CLEAR : KEEP_PASSWORD,
    values: {
      id: credentialId,
      verified_hash: passwordHash,
      renewed_hash: renewedHash,
      password_hash: renewedHash,
      ...NO_FAILED_ATTEMPTS,
    },
    guard: 'password',
  });
}
