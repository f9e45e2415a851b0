import { parseConnectionScope } from '../../access/connection-scopes.ts';
import type { Service } from '../services/service-config.ts';
import type { Vault } from '../vault/index.ts';

/**
 * @param deps `find`: an active service
 * @returns the services of these scopes at which the account has no connection that works, and whether one is broken
 */
export async function findUnconnected(
  deps: { find(name: string): Promise<Service | undefined>; list: Vault['list'] },
  accountId: string,
  scopes: string[],
): Promise<{ service: Service; isBroken: boolean }[]> {
  const names = new Set(scopes.flatMap((scope) => parseConnectionScope(scope)?.service ?? []));
  const missing: { service: Service; isBroken: boolean }[] = [];
  for (const name of names) {
    const service = await deps.find(name);
    if (!service) continue;
    const connections = await deps.list(accountId, name);
    if (connections.some(({ isActive, syncStatus }) => isActive && syncStatus !== 'error')) continue;
    missing.push({ service, isBroken: connections.some(({ syncStatus }) => syncStatus === 'error') });
  }
  return missing;
}
