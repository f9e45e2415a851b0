import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type ClaimMapping, type ClaimPlace, parseClaimMapping } from '../access/claim-mappings.ts';
import { SCOPE_OF_CLAIM } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { isImplicit } from './clients/response-types.ts';
import { changeReleasedClaims } from './engine/claims.ts';
import type { EngineToken } from './engine/internals.ts';

type Claims = Record<string, unknown>;

const mappingsOf = ({ claims = [] }: Pick<EngineClient, 'claims'>) => claims.map(parseClaimMapping);

/** The mappings by which an application gets claims with these scopes. */
export const grantedMappings = (client: Pick<EngineClient, 'claims'>, scopes: string[]): ClaimMapping[] =>
  scopes.includes('openid')
    ? mappingsOf(client).filter(({ source }) => source === undefined || scopes.includes(source.scope))
    : [];

/** @param available the claims that the account and the application may have @param scopes those that were granted */
function readValue({ source, value }: ClaimMapping, available: Claims, scopes: Set<string>): unknown {
  if (!source) return value;
  if (!scopes.has(source.scope) || (source.ifVerified && available.email_verified !== true)) return undefined;
  return available[source.claim];
}

/**
 * A mapped claim takes the place of a claim of the same name, also where its own source gives nothing: an application must
 * not find a username where it expects an e-mail address.
 */
function addMappedClaims(
  client: Pick<EngineClient, 'claims'>,
  released: Claims,
  from: { available: Claims; scopes: Set<string>; place: ClaimPlace },
): Claims {
  const mappings = mappingsOf(client).filter(({ places }) => places.includes(from.place));
  if (mappings.length === 0) return released;
  const names = new Set(mappings.map(({ name }) => name));
  const kept = Object.entries(released).filter(([name]) => !names.has(name));
  const added = mappings.map(
    (mapping) => [mapping.name, readValue(mapping, from.available, from.scopes)] as const,
  );
  return Object.fromEntries([...kept, ...added.filter(([, value]) => value !== undefined)]);
}

/**
 * Whether this is an ID token with no other claims about the user than those that the request names for it. In an address, that
 * is so beside each access token: the application asks at userinfo, and no history of a browser has the rest.
 */
function hasOnlyRequested(
  client: Pick<EngineClient, 'id_token_claims'>,
  ctx: KoaContextWithOIDC | undefined,
): boolean {
  const type = ctx?.oidc.params?.response_type;
  if (isImplicit(type)) return type !== 'id_token';
  return client.id_token_claims === 'requested' && ctx?.oidc.route !== 'userinfo';
}

/**
 * The claims that the request names for the ID token and whose scope was granted. The engine gives it those that were granted
 * one by one.
 */
function namedClaims(available: Claims, scopes: Set<string>, ctx: KoaContextWithOIDC | undefined): Claims {
  const { AuthorizationCode, RefreshToken, DeviceCode } = ctx?.oidc.entities ?? {};
  // With the implicit grant, the request is the source.
  const request = isImplicit(ctx?.oidc.params?.response_type) ? ctx?.oidc : undefined;
  const source = AuthorizationCode ?? RefreshToken ?? DeviceCode ?? request ?? {};
  const { claims } = source as { claims?: { id_token?: Record<string, unknown> } };
  const names = Object.keys(claims?.id_token ?? {}).filter((name) =>
    scopes.has(String(SCOPE_OF_CLAIM.get(name))),
  );
  return Object.fromEntries(
    names.filter((name) => available[name] !== undefined).map((name) => [name, available[name]]),
  );
}

/**
 * The scopes whose claims are released. An ID token may be without the claims of all scopes but `openid` (OpenID Connect Core
 * section 5.4), except beside an access token for an API, with which the application cannot ask at userinfo.
 */
function releasedScopes(
  client: Pick<EngineClient, 'id_token_claims'>,
  granted: string[],
  ctx: KoaContextWithOIDC | undefined,
): string[] {
  if (!hasOnlyRequested(client, ctx)) return granted;
  const token = ctx?.oidc.entities.AccessToken as EngineToken<EngineClient> | undefined;
  return token?.resourceServer ? granted : granted.filter((scope) => scope === 'openid');
}

/**
 * Gives each application the claims that an operator has set for it, by the scopes that were granted. For these, the request's
 * parameter `claims` plays no part: a claim that it names alone is no source.
 */
export function giveClientClaims(provider: Provider): void {
  changeReleasedClaims<EngineClient>(provider, {
    scopes: releasedScopes,
    claims: ({ client, released, available, scopes, ctx }) => {
      // Logout tokens and signed responses are made in the same way, and have no scope.
      if (!scopes.has('openid')) return released;
      const named = hasOnlyRequested(client, ctx) ? namedClaims(available, scopes, ctx) : {};
      const place = ctx?.oidc.route === 'userinfo' ? 'userinfo' : 'id_token';
      return addMappedClaims(client, { ...released, ...named }, { available, scopes, place });
    },
  });
}
