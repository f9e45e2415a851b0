import {
  PERSONAL_DETAILS,
  type PersonalDetails,
  readPersonalDetails,
} from '../../access/personal-details.ts';
import { toDate } from '../../database/instants.ts';
import { type Row, selectOne, sql } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';

/**
 * The columns of an account, for every SELECT that reads one along with another row (docs/decisions/0005).
 * `joinAccount` joins it, and `toStoredAccount` reads the columns.
 */
export const ACCOUNT_COLUMNS = `a.username AS account_username, a.email AS account_email,
  a.email_verified AS account_email_verified, a.name AS account_name,
  a.given_name AS account_given_name, a.family_name AS account_family_name, a.locale AS account_locale, a.zoneinfo AS account_zoneinfo, a.picture AS account_picture,
  a.scopes AS account_scopes, a.updated_at AS account_updated_at, a.created_at AS account_created_at,
  COALESCE(${PERSONAL_DETAILS.map((name) => `a.${name}`).join(', ')}) IS NOT NULL AS account_has_details,
  EXISTS (SELECT 1 FROM T_account_roles r WHERE r.account_id = a.id) AS account_has_roles`;

/** @param column the column with the account's id */
export const joinAccount = (column: string) =>
  `LEFT JOIN T_accounts a ON a.id = ${column} AND a.is_active = true`;

const SELECT_ACTIVE = selectOne({
  columns: ACCOUNT_COLUMNS,
  from: 'T_accounts a',
  where: sql`a.id = ${'id'} AND a.is_active = true`,
});

const SELECT_DETAILS = selectOne({
  columns: `${PERSONAL_DETAILS.join(', ')}, phone_number_verified`,
  from: 'T_accounts',
  where: sql`id = ${'id'}`,
});

const SELECT_NEXT_ROLE = selectOne({
  columns: 'r.id, r.role',
  from: 'T_account_roles r LEFT JOIN T_oauth_clients c ON c.id = r.client_id',
  where: sql`r.account_id = ${'account_id'} AND r.id > ${'last'}
    AND (r.client_id IS NULL OR c.client_id = ${'client_id'})`,
  orderBy: 'r.id',
});

/** An active account, as far as tokens and claims need it. */
export interface StoredAccount {
  id: string;
  username: string;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  givenName: string | null;
  familyName: string | null;
  locale: string | null;
  zoneinfo: string | null;
  picture: string | null;
  scopes: string[];
  updatedAt: Date;
  /** Whether it has personal details. Most accounts have none; a second SELECT reads them. */
  hasDetails: boolean;
  /** Whether it has any role, in whichever application: most have none, and need no second SELECT. */
  hasRoles: boolean;
}

const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null);

/** @param row has ACCOUNT_COLUMNS @returns undefined when a LEFT JOIN found no account */
function toStoredAccount(id: string, row: Row | undefined): StoredAccount | undefined {
  if (typeof row?.account_username !== 'string') return undefined;
  return {
    id,
    username: row.account_username,
    email: textOrNull(row.account_email),
    emailVerified: Boolean(row.account_email_verified),
    name: textOrNull(row.account_name),
    givenName: textOrNull(row.account_given_name),
    familyName: textOrNull(row.account_family_name),
    locale: textOrNull(row.account_locale),
    zoneinfo: textOrNull(row.account_zoneinfo),
    picture: textOrNull(row.account_picture),
    scopes: JSON.parse(String(row.account_scopes)),
    updatedAt: toDate(row.account_updated_at ?? row.account_created_at),
    hasDetails: Boolean(row.account_has_details),
    hasRoles: Boolean(row.account_has_roles),
  };
}

const memoryKey = (id: string) => `account:${id}`;

/** Keeps an account that was read along with another row for the rest of the request. */
export function rememberAccount(id: string, row: Row): void {
  currentUnit().addKnown(memoryKey(id), toStoredAccount(id, row));
}

/** Reads an account once per request. @returns undefined when the account does not exist or is disabled */
export async function findStoredAccount(id: string): Promise<StoredAccount | undefined> {
  const unit = currentUnit();
  return unit.readOnce(memoryKey(id), async () =>
    toStoredAccount(id, await unit.readOne(SELECT_ACTIVE, { id })),
  );
}

/** Reads once per request what applications can learn of a person beside the names. */
export async function findPersonalDetails(
  id: string,
): Promise<PersonalDetails & { phone_number_verified: boolean }> {
  const unit = currentUnit();
  return unit.readOnce(`details:${id}`, async () => {
    const row = await unit.readOne(SELECT_DETAILS, { id });
    return {
      ...readPersonalDetails((row ?? {}) as Partial<PersonalDetails>),
      phone_number_verified: Boolean(row?.phone_number_verified),
    };
  });
}

/** @param clientId of the application that asks @returns the account's roles there, and those it has everywhere */
export async function findRoles(accountId: string, clientId: string): Promise<string[]> {
  const roles = new Set<string>();
  for (let last = ''; ; ) {
    const row = await currentUnit().readOne(SELECT_NEXT_ROLE, {
      account_id: accountId,
      last,
      client_id: clientId,
    });
    if (!row) return [...roles];
    roles.add(String(row.role));
    last = String(row.id);
  }
}
