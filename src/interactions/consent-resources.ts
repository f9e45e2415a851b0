import type { Provider } from 'oidc-provider';
import { describeResource, describeResourceScope } from '../access/resource-descriptions.ts';
import { parseScopes, type ResourceScopes } from '../access/scopes.ts';
import { RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import type { Details } from './interaction.ts';

type Grant = InstanceType<Provider['Grant']>;

export interface RequestedResource {
  identifier: string;
  name: string;
  /** The requested scopes, and `RESOURCE_ITSELF`. */
  scopes: string[];
}

export interface ConsentResourceDeps {
  /** Finds an active API, from a cache that is at most one second old. */
  findResource(
    identifier: string,
  ): Promise<{ name: string; scopes: string[]; authorizationTypes: Record<string, string> } | undefined>;
  /** Returns the scopes that the account's ceiling allows. */
  limitToCeiling(scopes: string[], ceiling: string[]): string[];
}

/**
 * What an authorization request asks for of each resource (RFC 8707). What becomes possible while the page is open was not
 * on it: only what the engine has found missing, and what was granted before, is asked for.
 */
export async function readResources(
  deps: ConsentResourceDeps,
  { details, grant, ceiling }: { details: Details; grant: Grant | undefined; ceiling: string[] },
): Promise<RequestedResource[]> {
  const { resource, scope } = details.params as { resource?: string | string[]; scope?: string };
  const missing = (details.prompt.details.missingOfResources ?? {}) as ResourceScopes;
  const requested = parseScopes(scope);
  const found: RequestedResource[] = [];
  for (const identifier of [resource ?? []].flat()) {
    const known = await deps.findResource(identifier);
    const open = new Set([
      ...(missing[identifier] ?? []),
      ...parseScopes(grant?.getResourceScope(identifier)),
    ]);
    if (!known || !open.has(RESOURCE_ITSELF)) continue;
    const served = requested.filter((one) => known.scopes.includes(one) && open.has(one));
    const scopes = [RESOURCE_ITSELF, ...deps.limitToCeiling(served, ceiling)];
    found.push({ identifier, name: known.name, scopes });
  }
  return found;
}

/** What was allowed before: by the grant of this session, and by the remembered consent. */
export const earlierResources = (
  resources: RequestedResource[],
  grant: Grant | undefined,
  consented: ResourceScopes = {},
): ResourceScopes =>
  Object.fromEntries(
    resources.map(({ identifier }) => [
      identifier,
      [...parseScopes(grant?.getResourceScope(identifier)), ...(consented[identifier] ?? [])],
    ]),
  );

/** The lines of the consent page about resources. */
export const resourceItems = (
  resources: RequestedResource[],
  earlier: ResourceScopes,
  descriptions: Map<string, string>,
) =>
  resources.flatMap((resource) =>
    resource.scopes.map((scope) => ({
      text:
        scope === RESOURCE_ITSELF
          ? describeResource(resource)
          : describeResourceScope(resource, scope, descriptions),
      isEarlier: earlier[resource.identifier]?.includes(scope) ?? false,
    })),
  );

export const toResourceScopes = (resources: RequestedResource[]): ResourceScopes =>
  Object.fromEntries(resources.map(({ identifier, scopes }) => [identifier, scopes]));
