import { Provider } from 'oidc-provider';
import { parseConnectionScope, tokenScopeOf } from '../access/connection-scopes.ts';
import { toAddressClaim } from '../access/personal-details.ts';
import { describesItself } from '../access/registered-via.ts';
import { isBuiltIn, limitToAllowed, limitToCeiling, parseScopes } from '../access/scopes.ts';
import { toEpoch } from '../database/instants.ts';
import type { EngineClient } from './clients/client-document.ts';
import { replaceRequestedClaims } from './engine/internals.ts';
import { findPersonalDetails, findRoles, findStoredAccount, type StoredAccount } from './storage/accounts.ts';

const PROFILE_DETAILS = ['middle_name', 'nickname', 'profile', 'website', 'gender', 'birthdate'] as const;

/**
 * The claims that each scope gives access to (OpenID Connect Core section 5.4). A new one also joins `TAKEN_CLAIMS` in
 * `config/settings.ts`, and `access/consent-descriptions.ts` says it on the consent page. `acr`, `amr` and `auth_time` are
 * facts about the sign-in, which every ID token carries.
 */
export const claimsByScope = {
  openid: ['sub', 'roles', 'acr', 'amr', 'auth_time'],
  profile: [
    'name',
    'given_name',
    'family_name',
    'locale',
    'zoneinfo',
    'preferred_username',
    'picture',
    ...PROFILE_DETAILS,
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
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
  /** Its time zone. */
  zoneinfo: string | null;
  /** The ceiling of every token of this account. */
  scopes: string[];
  claims(): Promise<Claims>;
}

type ClientScopes = Pick<
  EngineClient,
  'allowed_scopes' | 'grantTypeAllowed' | 'registered_via' | 'hand_out_services'
>;

/** The scope that gives access to each claim. */
export const SCOPE_OF_CLAIM: ReadonlyMap<string, string> = new Map(
  Object.entries(claimsByScope).flatMap(([scope, claims]) => claims.map((claim) => [claim, scope])),
);

/** The token of a service is only for applications that an operator has named (`--hand-out`), whatever their scopes include. */
function isHandedOut({ hand_out_services }: ClientScopes, scope: string): boolean {
  const parsed = parseConnectionScope(scope);
  return parsed?.access !== 'token' || hand_out_services.includes(parsed.service);
}

/**
 * Returns those of the scopes that the application may request: the ones that it is registered for, and those of services whose
 * tokens it is given. If it registered itself, it may also request every scope of an API: at its registration it did not know
 * them yet. They count only in requests that name the API (`token-scope.ts`).
 */
export function limitToApplication(client: ClientScopes, scopes: string[]): string[] {
  const allowed = parseScopes(client.allowed_scopes);
  const ofApis = describesItself(client) ? scopes.filter((scope) => !isBuiltIn(scope)) : [];
  const ofTokens = client.hand_out_services.map(tokenScopeOf);
  return limitToAllowed(
    scopes.filter((scope) => isHandedOut(client, scope)),
    [...allowed, ...ofApis, ...ofTokens],
    client.grantTypeAllowed('refresh_token'),
  );
}

/**
 * Whether an application may get the claims of a scope: it may request that scope, and the account's ceiling allows it.
 * Everything that releases claims, or asks for consent to them, decides by this function. The engine itself does not hold
 * the `claims` parameter (OpenID Connect Core section 5.5) against the scopes of the application.
 */
function isReleasable(scope: string, client: ClientScopes, ceiling: string[]): boolean {
  return limitToCeiling(limitToApplication(client, [scope]), ceiling).length > 0;
}

/** The claims that this application may get. The engine then picks those that were granted. */
function claimsOf(account: StoredAccount, client: ClientScopes): Claims {
  const claims: Claims = { sub: account.id };
  if (isReleasable('profile', client, account.scopes)) {
    claims.name = account.name ?? undefined;
    claims.given_name = account.givenName ?? undefined;
    claims.family_name = account.familyName ?? undefined;
    claims.locale = account.locale ?? undefined;
    claims.zoneinfo = account.zoneinfo ?? undefined;
    claims.preferred_username = account.username;
    claims.picture = account.picture ?? undefined;
    claims.updated_at = toEpoch(account.updatedAt);
  }
  if (account.email !== null && isReleasable('email', client, account.scopes)) {
    claims.email = account.email;
    claims.email_verified = account.emailVerified;
  }
  return claims;
}

/** The claims for the personal details that this application may get. */
async function detailClaims(account: StoredAccount, client: ClientScopes): Promise<Omit<Claims, 'sub'>> {
  const isAllowed = (scope: string) => isReleasable(scope, client, account.scopes);
  const [hasProfile, hasAddress, hasPhone] = ['profile', 'address', 'phone'].map(isAllowed);
  if (!hasProfile && !hasAddress && !hasPhone) return {};
  const details = await findPersonalDetails(account.id);
  const claims: Omit<Claims, 'sub'> = {};
  if (hasProfile) for (const name of PROFILE_DETAILS) claims[name] = details[name] ?? undefined;
  if (hasAddress) claims.address = toAddressClaim(details);
  if (hasPhone && details.phone_number !== null) {
    claims.phone_number = details.phone_number;
    claims.phone_number_verified = details.phone_number_verified;
  }
  return claims;
}

/** The claims that the request's parameter `claims` names, which the engine has found to be well-formed. */
function parseClaims(parameter: string): Set<string> {
  const { userinfo, id_token } = JSON.parse(parameter) as Record<string, Record<string, unknown> | undefined>;
  const named = [...Object.entries(userinfo ?? {}), ...Object.entries(id_token ?? {})];
  return new Set(named.filter(([, value]) => typeof value === 'object').map(([claim]) => claim));
}

/**
 * The claims that a request names one by one, and that need consent one by one. Those that the application may not get
 * are dropped. A claim whose scope is requested as well is granted with that scope; this includes every claim of
 * `openid`, such as `roles`: without `openid`, there is no ID token and no userinfo.
 * @param account undefined while nobody is signed in
 */
export function claimsToGrant(
  params: { claims?: unknown; scope?: unknown },
  client: ClientScopes,
  account: { scopes: string[] } | undefined,
): string[] {
  const requested = limitToApplication(client, parseScopes(String(params.scope ?? '')));
  if (typeof params.claims !== 'string' || !requested.includes('openid')) return [];
  return [...parseClaims(params.claims)].filter((claim) => {
    const scope = SCOPE_OF_CLAIM.get(claim);
    if (scope === undefined || requested.includes(scope)) return false;
    return isReleasable(scope, client, account?.scopes ?? [scope]);
  });
}

/** The engine asks for consent to, and `loadExistingGrant` grants, what `claimsToGrant` names. */
export function limitClaims(provider: Provider): void {
  replaceRequestedClaims(provider, ({ client, account, params }) =>
    client
      ? claimsToGrant(
          params ?? {},
          client as unknown as EngineClient,
          account as unknown as EngineAccount | undefined,
        )
      : [],
  );
}

/** @param groupsClaim a second name of the claim `roles`, for applications that read groups */
export function toEngineAccount(account: StoredAccount, groupsClaim?: string): EngineAccount {
  return {
    accountId: account.id,
    username: account.username,
    zoneinfo: account.zoneinfo,
    scopes: account.scopes,
    async claims() {
      const client = Provider.ctx?.oidc.client as unknown as EngineClient | undefined;
      if (!client) return { sub: account.id };
      const claims = claimsOf(account, client);
      if (account.hasDetails) Object.assign(claims, await detailClaims(account, client));
      if (account.hasRoles) {
        claims.roles = await findRoles(account.id, client.clientId);
        if (groupsClaim !== undefined) claims[groupsClaim] = claims.roles;
      }
      return claims;
    },
  };
}

/** Finds nothing when there is no such account or it is disabled; its tokens and sessions then fail too. */
export type FindAccount = (accountId: string) => Promise<EngineAccount | undefined>;

/** @param groupsClaim as for `toEngineAccount` */
export function createFindAccount(groupsClaim?: string): FindAccount {
  return async (accountId) => {
    const account = await findStoredAccount(accountId);
    return account && toEngineAccount(account, groupsClaim);
  };
}
