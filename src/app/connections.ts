import type { Config } from '../config/settings.ts';
import { createRefresh } from '../connections/refresh/index.ts';
import { createConnectionReport } from '../connections/report/report.ts';
import { createConnectionServices } from '../connections/services/service.ts';
import { createConnectionUsage, createVault } from '../connections/vault/index.ts';
import type { Database } from '../database/open.ts';
import { createGuardedFetch } from '../kit/guarded-fetch.ts';
import type { Logger } from '../kit/log.ts';
import type { Secrets } from '../kit/secrets.ts';

export interface ConnectionsDeps {
  config: Config;
  database: Database;
  secrets: Secrets;
  log: Logger;
  /** Mails the owner of a connection that has to be made again. @param service its name on pages */
  notifyBroken(accountId: string, service: string, code: string): void;
}

/** Every service of `connections/`, built once. */
export function createConnections(deps: ConnectionsDeps) {
  const { config, secrets } = deps;
  const { knex, driver } = deps.database;
  const allowPrivate = config.allowPrivateServices;
  const fetch = createGuardedFetch({ allowPrivate });
  const services = createConnectionServices({
    knex,
    driver,
    secrets,
    issuer: config.issuer,
    allowPrivate,
    fetch,
  });
  const vault = createVault({ knex, driver, secrets });
  const refresh = createRefresh({
    knex,
    vault,
    findService: services.find,
    fetch,
    allowPrivate,
    log: deps.log,
    notifyBroken: async ({ accountId, service }, code) => {
      deps.notifyBroken(accountId, (await services.find(service))?.displayName ?? service, code);
    },
  });
  const report = createConnectionReport(deps.database);
  return { report, services, vault, refresh, usage: createConnectionUsage(knex) };
}
