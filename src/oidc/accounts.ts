import { toDate, toEpoch } from '../kit/instants.ts';
import { unit } from '../kit/unit-of-work.ts';
import { withinCeiling } from './scopes.ts';

const SQL = `SELECT id, username, email, email_verified, name, picture, scopes, updated_at, created_at
  FROM T_accounts WHERE id = ? AND is_active = true`;

/** An account as the engine knows it. */
export interface EngineAccount {
  [member: string]: unknown;
  accountId: string;
  username: string;
  /** The ceiling of every token of this account. */
  scopes: string[];
  claims(use: string, scope: string): Promise<{ sub: string; [claim: string]: unknown }>;
}

/** @returns the account, or undefined when there is none or it is disabled: everything given to it fails then */
export async function findAccount(_ctx: unknown, id: string): Promise<EngineAccount | undefined> {
  return unit().once(`account:${id}`, async () => {
    const row = await unit().get(SQL, [id]);
    if (!row) return undefined;
    const scopes: string[] = JSON.parse(String(row.scopes));
    return {
      accountId: id,
      username: String(row.username),
      scopes,
      async claims() {
        const all = {
          name: row.name ?? undefined,
          preferred_username: row.username,
          picture: row.picture ?? undefined,
          updated_at: toEpoch(toDate(row.updated_at ?? row.created_at)),
          email: row.email ?? undefined,
          email_verified: row.email === null ? undefined : Boolean(row.email_verified),
        };
        const open = withinCeiling(Object.keys(claims), scopes).flatMap(
          (scope) => claims[scope as keyof typeof claims],
        );
        return {
          sub: id,
          ...Object.fromEntries(Object.entries(all).filter(([claim]) => open.includes(claim))),
        };
      },
    };
  });
}

/** Which claims each scope opens (OpenID Connect Core section 5.4). */
export const claims = {
  openid: ['sub'],
  profile: ['name', 'preferred_username', 'picture', 'updated_at'],
  email: ['email', 'email_verified'],
};
