import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { limitToCeiling, parseScopes, type ResourceScopes } from '../access/scopes.ts';
import type { EngineAccount } from './claims.ts';

type Grant = InstanceType<Provider['Grant']>;

/**
 * In a grant it means: may use this API at all. It is needed beside the scopes, because an API that checks no scope accepts a
 * token without any. No request can name it, and no resource can serve it, because wildcards are neither requested nor served.
 */
export const RESOURCE_ITSELF = '*';

/** Whether the account may use a resource at all: its ceiling has at least one scope that the resource serves. */
export const mayUseResource = (served: Iterable<string>, account: Pick<EngineAccount, 'scopes'>): boolean =>
  limitToCeiling(served, account.scopes).length > 0;

/** What the request asks for of each resource that it names, as far as application and account may have it. */
export function requestedOfResources({ oidc }: KoaContextWithOIDC): ResourceScopes {
  const account = oidc.account as unknown as EngineAccount | undefined;
  const requested = [...oidc.requestParamScopes];
  return Object.fromEntries(
    Object.entries(oidc.resourceServers ?? {}).map(([identifier, { scopes }]) => {
      const served = requested.filter((scope) => scopes.has(scope));
      return [identifier, account ? limitToCeiling(served, account.scopes) : served];
    }),
  );
}

/** What the request asks for of resources beyond what the grant has. Empty if there is nothing to ask the user. */
export function missingOfResources(ctx: KoaContextWithOIDC, grant: Grant | undefined): ResourceScopes {
  const missing = Object.entries(requestedOfResources(ctx)).map(([identifier, scopes]) => {
    const granted = parseScopes(grant?.getResourceScopeEncountered(identifier));
    return [identifier, [RESOURCE_ITSELF, ...scopes].filter((scope) => !granted.includes(scope))] as const;
  });
  return Object.fromEntries(missing.filter(([, scopes]) => scopes.length > 0));
}

export function addResourceScopes(grant: Grant, resources: ResourceScopes): void {
  for (const [identifier, scopes] of Object.entries(resources))
    grant.addResourceScope(identifier, scopes.join(' '));
}
