import { Provider } from 'oidc-provider';
import { covers } from '../access/scopes.ts';
import { toEpoch } from '../database/instants.ts';
import { findRoles, findStoredAccount, type StoredAccount } from './storage/accounts.ts';

/**
 * The claims that each scope gives access to (OpenID Connect Core section 5.4). `acr`, `amr` and `auth_time` are
 * facts about the sign-in, which every ID token carries.
 */
export const claimsByScope = {
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

/** The claims that the account's ceiling allows. The engine then picks those of the token's scopes. */
function claimsOf(account: StoredAccount): Claims {
  const claims: Claims = { sub: account.id };
  if (covers(account.scopes, 'profile')) {
    claims.name = account.name ?? undefined;
    claims.preferred_username = account.username;
    claims.picture = account.picture ?? undefined;
    claims.updated_at = toEpoch(account.updatedAt);
  }
  if (account.email !== null && covers(account.scopes, 'email')) {
    claims.email = account.email;
    claims.email_verified = account.emailVerified;
  }
  return claims;
}

export function toEngineAccount(account: StoredAccount): EngineAccount {
  return {
    accountId: account.id,
    username: account.username,
    scopes: account.scopes,
    async claims() {
      const claims = claimsOf(account);
      const clientId = Provider.ctx?.oidc.client?.clientId;
      if (account.hasRoles && clientId) claims.roles = await findRoles(account.id, clientId);
      return claims;
    },
  };
}

/** @returns undefined when there is no such account or it is disabled; its tokens and sessions then fail too */
export async function findAccount(accountId: string): Promise<EngineAccount | undefined> {
  const account = await findStoredAccount(accountId);
  return account && toEngineAccount(account);
}
