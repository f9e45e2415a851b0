import type { Knex } from 'knex';
import { type ClaimMapping, parseClaimMapping } from '../../access/claim-mappings.ts';
import { isConnectionScope } from '../../access/connection-scopes.ts';
import { isVetted } from '../../access/registered-via.ts';
import { parseScopes, type ResourceScopes } from '../../access/scopes.ts';
import { toDate } from '../../database/instants.ts';
import { countTokens, listConsents, listNames, parseResources } from './store.ts';

/** An application that can act for an account, as its owner sees it. */
export interface AllowedApplication {
  clientId: string;
  name: string;
  hasLogo: boolean;
  /** Whether people are not asked for consent. */
  isFirstParty: boolean;
  /** Whether nobody has checked what it says about itself, such as its name. */
  isUnchecked: boolean;
  /** What was allowed, and what its live tokens carry. */
  scopes: string[];
  claims: string[];
  /** What the operator tells the application about every user. */
  fixedClaims: { name: string; value?: unknown }[];
  /** What was allowed of each resource (RFC 8707). */
  resources: ResourceScopes;
  /** ISO 8601; undefined for an application that people are not asked about. */
  allowedAt?: string;
  /** ISO 8601: when it last got a code or a token. */
  lastUsedAt: string;
}

interface Found {
  scopes: Set<string>;
  claims: string[];
  resources: ResourceScopes;
  allowedAt?: Date;
  lastUsedAt: Date;
}

const later = (one: Date, other: Date) => (one > other ? one : other);

/** @param metadata of the application */
function findFixedClaims(metadata: string | undefined): ClaimMapping[] {
  const { claims = [] }: { claims?: string[] } = JSON.parse(metadata ?? '{}');
  return claims.map(parseClaimMapping).filter(({ source }) => source === undefined);
}

/** Lists the applications that have a remembered consent or live tokens, the last used first. */
export async function listApplications(source: Knex, accountId: string): Promise<AllowedApplication[]> {
  const found = new Map<string, Found>();
  for (const row of await listConsents(source, { accountId }))
    found.set(row.client_id, {
      scopes: new Set(parseScopes(row.scope)),
      claims: parseScopes(row.claims),
      resources: parseResources(row.resources),
      allowedAt: toDate(row.created_at),
      lastUsedAt: toDate(row.last_used_at),
    });
  for (const { client_id, scope, granted, last_issued_at } of await countTokens(source, { accountId })) {
    const issuedAt = toDate(last_issued_at);
    const { scopes, lastUsedAt, ...rest } = found.get(client_id) ?? {
      scopes: new Set<string>(),
      claims: [],
      resources: {},
      lastUsedAt: issuedAt,
    };
    const left = parseScopes(granted);
    // A person may have ended the use of a connection alone, and the token stays for the rest.
    for (const one of parseScopes(scope)) if (!isConnectionScope(one) || left.includes(one)) scopes.add(one);
    found.set(client_id, { ...rest, scopes, lastUsedAt: later(lastUsedAt, issuedAt) });
  }
  const clients = await listNames(source, [...found.keys()]);
  const names = new Map(clients.map((client) => [client.client_id, client]));
  return [...found]
    .toSorted(([, one], [, other]) => other.lastUsedAt.getTime() - one.lastUsedAt.getTime())
    .map(([clientId, { scopes, claims, resources, allowedAt, lastUsedAt }]) => ({
      clientId,
      name: names.get(clientId)?.client_name ?? clientId,
      hasLogo: Boolean(names.get(clientId)?.has_logo),
      isFirstParty: Boolean(names.get(clientId)?.is_first_party),
      isUnchecked: names.has(clientId) && !isVetted(names.get(clientId) ?? {}),
      scopes: [...scopes],
      claims,
      fixedClaims: findFixedClaims(names.get(clientId)?.metadata),
      resources,
      ...(allowedAt ? { allowedAt: allowedAt.toISOString() } : {}),
      lastUsedAt: lastUsedAt.toISOString(),
    }));
}
