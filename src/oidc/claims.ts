import { Provider } from 'oidc-provider';
import { covers } from '../access/scopes.ts';
import { toDate, toEpoch } from '../database/instants.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Row } from '../database/writes.ts';

/** The columns of `T_accounts a`, for every SELECT that brings an account along. */
export const ACCOUNT_COLUMNS = `a.username AS account_username, a.email AS account_email,
  a.email_verified AS account_email_verified, a.name AS account_name, a.picture AS account_picture,
  a.scopes AS account_scopes, a.updated_at AS account_updated_at, a.created_at AS account_created_at,
  EXISTS (SELECT 1 FROM T_account_roles r WHERE r.account_id = a.id) AS account_has_roles`;

const SQL = `SELECT ${ACCOUNT_COLUMNS} FROM T_accounts a WHERE a.id = ? AND a.is_active = true`;

/** Which claims each scope opens (OpenID Connect Core section 5.4); how and when it was stand in the ID token. */
export const claims = {
  openid: ['sub', 'roles', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'preferred_username', 'picture', 'updated_at'],
  email: ['email', 'email_verified'],
};

interface Claims {
  sub: string;
  [claim: string]: unknown;
}

/** An account as the engine knows it. */
export interface EngineAccount {
  [member: string]: unknown;
  accountId: string;
  username: string;
  /** The ceiling of every token of this account. */
  scopes: string[];
  claims(): Promise<Claims>;
}

const NEXT_ROLE = `SELECT r.id, r.role FROM T_account_roles r LEFT JOIN T_oauth_clients c ON c.id = r.client_id
  WHERE r.account_id = ? AND r.id > ? AND (r.client_id IS NULL OR c.client_id = ?) ORDER BY r.id LIMIT 1`;

/** The roles of an account in that application, and those that it has in every one. */
async function rolesOf(id: string, clientId: string): Promise<string[]> {
  const roles = new Set<string>();
  for (let last = ''; ; ) {
    const row = await currentUnit().readOne(NEXT_ROLE, [id, last, clientId]);
    if (!row) return [...roles];
    roles.add(String(row.role));
    last = String(row.id);
  }
}

/** What the ceiling lets out; the engine then picks by the scopes of the token. */
function claimsOf(id: string, row: Row, scopes: string[]): Claims {
  const told: Claims = { sub: id };
  if (covers(scopes, 'profile')) {
    told.name = row.account_name ?? undefined;
    told.preferred_username = row.account_username;
    told.picture = row.account_picture ?? undefined;
    told.updated_at = toEpoch(toDate(row.account_updated_at ?? row.account_created_at));
  }
  if (row.account_email !== null && covers(scopes, 'email')) {
    told.email = row.account_email;
    told.email_verified = Boolean(row.account_email_verified);
  }
  return told;
}

/** An account from its ACCOUNT_COLUMNS, or undefined when they are of none. */
export function toAccount(id: string, row: Row | undefined): EngineAccount | undefined {
  // A LEFT JOIN that found none has only NULLs.
  if (typeof row?.account_username !== 'string') return undefined;
  const scopes: string[] = JSON.parse(String(row.account_scopes));
  return {
    accountId: id,
    username: row.account_username,
    scopes,
    async claims() {
      const told = claimsOf(id, row, scopes);
      const clientId = Provider.ctx?.oidc.client?.clientId;
      if (row.account_has_roles && clientId) told.roles = await rolesOf(id, clientId);
      return told;
    },
  };
}

/** An account that came along with another row. */
export function rememberAccount(id: string, row: Row): void {
  currentUnit().addKnown(`account:${id}`, toAccount(id, row));
}

/** @returns the account, or undefined when there is none or it is disabled: everything given to it fails then */
export async function findAccount(_ctx: unknown, id: string): Promise<EngineAccount | undefined> {
  return currentUnit().readOnce(`account:${id}`, async () =>
    toAccount(id, await currentUnit().readOne(SQL, [id])),
  );
}
