import type { Knex } from 'knex';
import { sql, update } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';

export interface NewAccount {
  /** What a passkey was made for before the account was; else one is made. */
  id?: string;
  username: string;
  email?: string | null;
  name?: string | null;
  scopes: string[];
  roles?: string[];
  /** What `password_hash` holds; none for who signs in without a password. */
  passwordHash?: string;
}

/**
 * Makes an account, its credential and its roles in the transaction of a service.
 * @param options `emailIfFree`: an address that another account has is left out in silence, at the same cost, so
 *   that nobody learns by signing up who has an account
 * @returns its id
 * @throws a unique violation, which `takenUsername` puts into words
 */
export async function insertAccount(
  trx: Knex.Transaction,
  account: NewAccount,
  options: { emailIfFree?: boolean } = {},
): Promise<string> {
  const id = account.id ?? uuidv7();
  const created_at = new Date();
  const email = account.email ?? null;
  await trx('T_accounts').insert({
    id,
    created_at,
    username: account.username,
    email: options.emailIfFree && email !== null ? freeEmail(trx, email) : email,
    email_verified: false,
    name: account.name ?? null,
    auth_provider: 'native',
    scopes: JSON.stringify(account.scopes),
    is_active: true,
  });
  if (account.passwordHash !== undefined) {
    await trx('T_credentials').insert({
      id: uuidv7(),
      created_at,
      account_id: id,
      username: account.username,
      password_hash: account.passwordHash,
      failed_login_attempts: 0,
    });
  }
  await insertRoles(trx, id, account.roles ?? []);
  return id;
}

/** The roles of an account that hold in every application. */
export function rolesOf(source: Knex, accountId: string): Promise<string[]> {
  return source('T_account_roles').where({ account_id: accountId }).whereNull('client_id').pluck('role');
}

/** Gives roles that hold in every application. @returns those that the account had not yet */
export async function insertRoles(
  trx: Knex.Transaction,
  accountId: string,
  roles: string[],
): Promise<string[]> {
  if (roles.length === 0) return [];
  const held = await rolesOf(trx, accountId);
  const added = roles.filter((role) => !held.includes(role));
  const created_at = new Date();
  const rows = added.map((role) => ({
    id: uuidv7(),
    created_at,
    account_id: accountId,
    client_id: null,
    role,
  }));
  if (rows.length > 0) await trx('T_account_roles').insert(rows);
  return added;
}

/** MySQL reads from the table that it writes to only through a derived one. */
const freeEmail = (trx: Knex.Transaction, email: string) =>
  trx.raw(
    'CASE WHEN EXISTS (SELECT 1 FROM (SELECT id FROM T_accounts WHERE email = ?) known) THEN NULL ELSE ? END',
    [email, email],
  );

export function takenUsername(cause: unknown): LatchkeyError {
  return new LatchkeyError(
    'conflict',
    'username_taken',
    'This username or e-mail address is taken. Choose another one.',
    { cause },
  );
}

const UPDATE_LAST_LOGIN = update('T_accounts', { set: ['last_login_at'], where: sql`id = ${'id'}` });

/** Records that the account signed in just now, in the current unit of work. */
export function recordLogin(id: string): void {
  currentUnit().write({ statement: UPDATE_LAST_LOGIN, values: { id, last_login_at: new Date() } });
}
