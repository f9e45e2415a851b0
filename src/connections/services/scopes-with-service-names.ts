import { parseConnectionScope } from '../../access/connection-scopes.ts';
import { describeConnectionScope } from '../../access/consent-descriptions.ts';

/**
 * Adds words for scopes of connections, with the names that services have on pages.
 * @param known the words that an administrator gave to some of the scopes
 */
export async function describeWithNames(
  scopes: string[],
  known: Map<string, string>,
  findService: (name: string) => Promise<{ displayName: string } | undefined>,
): Promise<Map<string, string>> {
  const words = new Map(known);
  for (const scope of scopes) {
    const parsed = words.has(scope) ? undefined : parseConnectionScope(scope);
    const service = parsed && (await findService(parsed.service));
    const text = service && describeConnectionScope(scope, service.displayName);
    if (text) words.set(scope, text);
  }
  return words;
}
