import type { Knex } from 'knex';
import { covers, isBuiltIn } from '../../access/scopes.ts';
import { createScopeDescriptions } from './api-scope-descriptions.ts';
import { redirectUriWarning } from './redirect-uris.ts';
import { listServedScopes } from './store.ts';

/**
 * What an administrator should know about scopes and redirect URIs that were just registered.
 * @returns the member `warnings` of a document, if there is something to warn about
 */
export async function findWarnings(
  source: Knex,
  scopes: string[],
  uris: string[],
): Promise<{ warnings?: string[] }> {
  const custom = scopes.filter((scope) => !isBuiltIn(scope));
  const described = await createScopeDescriptions(source).find(custom);
  const served = custom.length > 0 ? await listServedScopes(source) : [];
  const warnings = [
    ...custom
      .filter((scope) => !described.has(scope) && !covers(served, scope))
      .map((scope) => `The scope ${scope} gives no claims here. It is in tokens, for an API that checks it.`),
    ...uris.map(redirectUriWarning).filter((warning) => warning !== undefined),
  ];
  return warnings.length > 0 ? { warnings } : {};
}
