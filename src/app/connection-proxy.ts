import type { Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import { createHandout } from '../connections/handout/index.ts';
import { createProxy } from '../connections/proxy/index.ts';
import type { Driver } from '../database/driver/contract.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { findPreferences } from '../identity/accounts/preferences.ts';
import { createConnectionAccess } from '../oidc/connection-call-token.ts';
import type { EngineDeps } from '../oidc/engine-deps.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import type { Services } from './services.ts';

interface Deps {
  driver: Driver;
  limits: Pick<Services['limits'], 'countCall'>;
  connections: Services['connections'];
}

/** What the proxy and the hand-out of tokens have in common. */
function createUse({ driver, limits, connections }: Deps) {
  const { services, vault, refresh, usage, useLog } = connections;
  return {
    findService: services.find,
    findConnections: vault.listCallable,
    findDefault: (accountId: string, service: string) =>
      withUnit(new UnitOfWork(driver), async () => {
        const { default_connections } = await findPreferences(accountId);
        return default_connections?.[service] ?? undefined;
      }),
    getCredential: refresh.getFresh,
    recordUse: usage.recordUse,
    countCall: limits.countCall,
    useLog,
  };
}

/** What the engine asks about connections. */
export const createConnectionHooks = (deps: Deps): Pick<EngineDeps, 'findUnconnected' | 'handOut'> => ({
  findUnconnected: deps.connections.findUnconnected,
  handOut: createHandout(createUse(deps)),
});

/** The proxy of connections, and the engine's check of the access tokens that applications present there. */
export function createConnectionProxy(deps: Deps & { issuer: string; provider: Provider }): Middleware {
  const { issuer, driver, provider, connections } = deps;
  return createProxy(
    { ...createUse(deps), base: issuerScope(issuer).base, apiClient: connections.apiClient },
    createConnectionAccess(provider, { driver, issuer }),
  );
}
