import type { Knex } from 'knex';
import { parseClaimMapping } from '../../access/claim-mappings.ts';
import { covers, isBuiltIn } from '../../access/scopes.ts';
import { createScopeDescriptions } from './api-scope-descriptions.ts';
import { redirectUriWarning } from './redirect-uris.ts';
import { listServedScopes } from './store.ts';

function claimWarning(mapping: string, allowed: string[]): string | undefined {
  const { name, source } = parseClaimMapping(mapping);
  if (!source || covers(allowed, source.scope)) return undefined;
  return `The claim ${name} needs the scope ${source.scope}, which the application may not request. It will not get that claim.`;
}

/**
 * What an administrator should know about what was just registered.
 * @param registered `allowed` has every scope of the application, `scopes` only the new ones
 * @returns the member `warnings` of a document, if there is something to warn about
 */
export async function findWarnings(
  source: Knex,
  registered: { scopes: string[]; uris: string[]; claims: string[]; allowed: string[] },
): Promise<{ warnings?: string[] }> {
  const { scopes, uris, claims, allowed } = registered;
  const custom = scopes.filter((scope) => !isBuiltIn(scope));
  const described = await createScopeDescriptions(source).find(custom);
  const served = custom.length > 0 ? await listServedScopes(source) : [];
  const warnings = [
    ...custom
      .filter((scope) => !described.has(scope) && !covers(served, scope))
      .map((scope) => `The scope ${scope} gives no claims here. It is in tokens, for an API that checks it.`),
    ...uris.map(redirectUriWarning),
    ...claims.map((mapping) => claimWarning(mapping, allowed)),
  ].filter((warning) => warning !== undefined);
  return warnings.length > 0 ? { warnings } : {};
}
