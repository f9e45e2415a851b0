import { describeClaim, describeScope } from '../access/consent-descriptions.ts';
import { isBuiltIn, parseScopes } from '../access/scopes.ts';
import { claimsToGrant, limitToApplication } from '../oidc/claims.ts';
import type { EngineClient } from '../oidc/clients/client-document.ts';
import { RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import { describeRequestedDetails } from './consent-authorization-details.ts';
import { type ConsentResourceDeps, resourceItems } from './consent-resources.ts';

export interface DeviceAccessDeps extends Pick<ConsentResourceDeps, 'findResource'> {
  /** The descriptions that an administrator gave to some of these scopes. */
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
}

/**
 * What a device asks for, in the words of the consent page. That page follows only if something is new: an application of ours
 * gets what this one lists.
 * @param params of the device's request, which the engine has checked
 */
export async function describeDeviceAccess(
  deps: DeviceAccessDeps,
  client: EngineClient,
  params: Record<string, unknown>,
): Promise<string[]> {
  const scopes = limitToApplication(client, parseScopes(String(params.scope ?? '')));
  const identifiers = [(params.resource ?? []) as string | string[]].flat();
  // If the request names resources, all other scopes are asked of these.
  const own = scopes.filter((scope) => identifiers.length === 0 || isBuiltIn(scope));
  const shown = own.filter((scope) => scope !== 'openid' && scope !== 'offline_access');
  const descriptions = await deps.findScopeDescriptions(scopes);
  const resources = [];
  for (const identifier of identifiers) {
    const found = await deps.findResource(identifier);
    const served = scopes.filter((scope) => found?.scopes.includes(scope));
    if (found) resources.push({ identifier, name: found.name, scopes: [RESOURCE_ITSELF, ...served] });
  }
  return [
    'Know who you are',
    ...shown.map((scope) => descriptions.get(scope) ?? describeScope(scope)),
    ...claimsToGrant(params, client, undefined).map(describeClaim),
    ...resourceItems(resources, {}, descriptions).map(({ text }) => text),
    // The consent page always follows for these, and has every fact.
    ...(await describeRequestedDetails(deps, params)).map(({ text }) => text),
  ];
}
