import type { Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import { createProxy } from '../connections/proxy/index.ts';
import type { Driver } from '../database/driver/contract.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { findPreferences } from '../identity/accounts/preferences.ts';
import { createConnectionAccess } from '../oidc/connection-access.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import type { Services } from './services.ts';

/** The proxy of connections, and the engine's check of the access tokens that applications present there. */
export function createConnectionProxy(deps: {
  issuer: string;
  driver: Driver;
  provider: Provider;
  limits: Pick<Services['limits'], 'countCall'>;
  connections: Services['connections'];
}): Middleware {
  const { issuer, driver, provider, limits } = deps;
  const { services, vault, refresh, usage, useLog, apiClient } = deps.connections;
  return createProxy(
    {
      base: issuerScope(issuer).base,
      findService: services.find,
      findConnections: vault.listCallable,
      findDefault: (accountId, service) =>
        withUnit(new UnitOfWork(driver), async () => {
          const { default_connections } = await findPreferences(accountId);
          return default_connections?.[service] ?? undefined;
        }),
      getCredential: refresh.getFresh,
      recordUse: usage.recordUse,
      countCall: limits.countCall,
      useLog,
      apiClient,
    },
    createConnectionAccess(provider, { driver, issuer }),
  );
}
