import type { Provider } from 'oidc-provider';
import { type ClaimMapping, type ClaimPlace, parseClaimMapping } from '../access/claim-mappings.ts';
import type { EngineClient } from './clients/client-document.ts';
import { changeReleasedClaims } from './engine-claims.ts';

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
 * Gives each application the claims that an operator has set for it, by the scopes that were granted. The request's parameter
 * `claims` plays no part: a claim that it names alone is no source.
 */
export function giveClientClaims(provider: Provider): void {
  changeReleasedClaims<EngineClient>(provider, ({ client, released, available, scopes, route }) =>
    // Logout tokens and signed responses are made in the same way, and have no scope.
    scopes.has('openid')
      ? addMappedClaims(client, released, {
          available,
          scopes,
          place: route === 'userinfo' ? 'userinfo' : 'id_token',
        })
      : released,
  );
}
