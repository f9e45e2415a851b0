import type { Knex } from 'knex';
import {
  PERSONAL_DETAILS,
  type PersonalDetails,
  readPersonalDetails,
} from '../../access/personal-details.ts';
import { sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { isReserved } from './reserved-usernames.ts';

const TABLE = 'T_accounts';

export interface Account extends PersonalDetails {
  id: string;
  username: string;
  email: string | null;
  email_verified: boolean;
  name: string | null;
  given_name: string | null;
  family_name: string | null;
  /** A language tag (RFC 5646), such as `pt-BR`. */
  locale: string | null;
  /** A time zone of the IANA database, such as `Europe/Lisbon`. */
  zoneinfo: string | null;
  /** Whether an administrator has vouched for the phone number. */
  phone_number_verified: boolean;
  /** The ceiling: the most that a token of this account may carry. */
  scopes: string[];
  is_active: boolean;
}

/** Selects one account by a unique column, on request only while it is active, or not closing. */
export type AccountFilter = ({ id: string } | { username: string } | { email: string }) & {
  is_active?: true;
  closing_at?: null;
};

interface AccountRow
  extends Omit<Account, 'scopes' | 'is_active' | 'email_verified' | 'phone_number_verified'> {
  scopes: string;
  is_active: boolean | number;
  email_verified: boolean | number;
  phone_number_verified: boolean | number;
}

const COLUMNS = [
  'id',
  'username',
  'email',
  'email_verified',
  'name',
  'given_name',
  'family_name',
  'locale',
  'zoneinfo',
  ...PERSONAL_DETAILS,
  'phone_number_verified',
  'scopes',
  'is_active',
];

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    email_verified: Boolean(row.email_verified),
    name: row.name,
    given_name: row.given_name,
    family_name: row.family_name,
    locale: row.locale,
    zoneinfo: row.zoneinfo,
    ...readPersonalDetails(row),
    phone_number_verified: Boolean(row.phone_number_verified),
    scopes: JSON.parse(row.scopes),
    is_active: Boolean(row.is_active),
  };
}

export async function findAccount(source: Knex, filter: AccountFilter): Promise<Account | undefined> {
  const row = await source(TABLE).where(filter).first<AccountRow | undefined>(COLUMNS);
  return row && toAccount(row);
}

/** How many accounts may get a mail about an address that none of them has confirmed. */
const MAX_WAITING = 3;

/** The active accounts that were created with an address which no account has confirmed yet, the latest first. */
export async function listAccountsAwaiting(source: Knex, email: string): Promise<Account[]> {
  const rows = await source(TABLE)
    .where({ requested_email: email, is_active: true })
    .whereNull('email')
    .orderBy('created_at', 'desc')
    .limit(MAX_WAITING)
    .select<AccountRow[]>(COLUMNS);
  return rows.map(toAccount);
}

/** All accounts by username. */
export async function listAccounts(source: Knex): Promise<Account[]> {
  const rows = await source(TABLE).select<AccountRow[]>(COLUMNS).orderBy('username');
  return rows.map(toAccount);
}

/**
 * Locks an account's row until the transaction ends, so that two changes to what belongs to one account run one after
 * the other, and the second sees what the first did.
 * @returns whether there is one
 */
export async function lockAccount(trx: Knex.Transaction, filter: AccountFilter): Promise<boolean> {
  return (await trx(TABLE).where(filter).update({ updated_at: new Date() })) === 1;
}

export interface NewAccount
  extends Partial<PersonalDetails>,
    Partial<
      Pick<
        Account,
        'given_name' | 'family_name' | 'locale' | 'zoneinfo' | 'email_verified' | 'phone_number_verified'
      >
    > {
  /** Set when a passkey was created for this id before the account exists. */
  id?: string;
  username: string;
  email: string | null;
  /** The address that a stranger entered and nobody confirmed. Unlike `email` it need not be free. */
  requested_email?: string | null;
  name: string | null;
  scopes: string[];
}

/**
 * @param options `emailIfFree`: leaves out an e-mail address that another account has, at the same cost, so that
 *   signing up does not reveal who has an account
 * @returns its id
 * @throws LatchkeyError conflict when the username is reserved; a unique violation, for which `usernameTaken` is the error
 *   to show
 */
export async function insertAccount(
  trx: Knex.Transaction,
  account: NewAccount,
  options: { emailIfFree?: boolean } = {},
): Promise<string> {
  const { id = uuidv7(), username, email, name, scopes, email_verified = false } = account;
  await trx(TABLE).insert({
    id,
    created_at: new Date(),
    username,
    email: options.emailIfFree && email !== null ? emailIfFree(trx, email) : email,
    email_verified,
    requested_email: account.requested_email ?? null,
    name,
    given_name: account.given_name ?? null,
    family_name: account.family_name ?? null,
    locale: account.locale ?? null,
    zoneinfo: account.zoneinfo ?? null,
    ...readPersonalDetails(account),
    phone_number_verified: account.phone_number_verified ?? false,
    auth_provider: 'native',
    scopes: JSON.stringify(scopes),
    is_active: true,
  });
  if (await isReserved(trx, username, id)) throw usernameTaken();
  return id;
}

/** MySQL cannot read from the table of an INSERT, except through a derived table. */
const emailIfFree = (trx: Knex.Transaction, email: string) =>
  trx.raw(
    `CASE WHEN EXISTS (SELECT 1 FROM (SELECT id FROM ${TABLE} WHERE email = ?) known) THEN NULL ELSE ? END`,
    [email, email],
  );

export function usernameTaken(cause?: unknown): LatchkeyError {
  return new LatchkeyError(
    'conflict',
    'username_taken',
    'This username or e-mail address is taken. Choose another one.',
    { cause },
  );
}

export async function setAccountActive(trx: Knex.Transaction, id: string, is_active: boolean): Promise<void> {
  await trx(TABLE).where({ id }).update({ is_active, updated_at: new Date() });
}

/**
 * Another e-mail address replaces the requested one too.
 * @throws a unique violation, for which `usernameTaken` is the error to show
 */
export async function updateAccount(
  trx: Knex.Transaction,
  id: string,
  { scopes, ...columns }: Partial<Omit<Account, 'id' | 'is_active'>>,
): Promise<void> {
  const ceiling = scopes && { scopes: JSON.stringify(scopes) };
  const requested = columns.email !== undefined && { requested_email: null };
  await trx(TABLE)
    .where({ id })
    .update({ ...columns, ...ceiling, ...requested, updated_at: new Date() });
}

/** Foreign keys delete everything that belongs to the account, except for the audit log. */
export async function deleteAccount(trx: Knex.Transaction, id: string): Promise<void> {
  await trx(TABLE).where({ id }).delete();
}

/**
 * Changes an account's ceiling, if it is still the one that was read.
 * @throws LatchkeyError conflict when another request changed it concurrently
 */
export async function replaceScopes(
  trx: Knex.Transaction,
  id: string,
  change: (scopes: string[]) => string[],
): Promise<{ before: string[]; after: string[] }> {
  const row = await trx(TABLE).where({ id }).first('scopes');
  const before: string[] = row ? JSON.parse(row.scopes) : [];
  const after = change(before);
  const changed = await trx(TABLE)
    .where({ id, scopes: row?.scopes ?? '' })
    .update({ scopes: JSON.stringify(after), updated_at: new Date() });
  if (changed !== 1)
    throw new LatchkeyError(
      'conflict',
      'account_changed_concurrently',
      'Another request changed the account at the same time. Nothing was changed. Try again.',
    );
  return { before, after };
}

/** Whether an active account holds `latchkey:*`. */
export async function hasAdministrator(source: Knex): Promise<boolean> {
  const row = await source(TABLE)
    .where({ is_active: true })
    .where((any) => any.where('scopes', 'like', '%"*:*"%').orWhere('scopes', 'like', '%"latchkey:*"%'))
    .first('id');
  return row !== undefined;
}

const UPDATE_LAST_LOGIN = update(TABLE, { set: ['last_login_at'], where: sql`id = ${'id'}` });

/** Records the time of a sign-in, in the commit of the current request. */
export function recordSignIn(id: string): void {
  currentUnit().write({ statement: UPDATE_LAST_LOGIN, values: { id, last_login_at: new Date() } });
}
