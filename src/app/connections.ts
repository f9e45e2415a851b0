import type { Config } from '../config/settings.ts';
import { createConnectionServices } from '../connections/services/service.ts';
import { createConnectionUsage, createVault } from '../connections/vault/index.ts';
import type { Database } from '../database/open.ts';
import { createGuardedFetch } from '../kit/guarded-fetch.ts';
import type { Secrets } from '../kit/secrets.ts';

export interface ConnectionsDeps {
  config: Config;
  database: Database;
  secrets: Secrets;
}

/** Every service of `connections/`, built once. */
export function createConnections({ config, database, secrets }: ConnectionsDeps) {
  const { knex, driver } = database;
  const allowPrivate = config.allowPrivateServices;
  const services = createConnectionServices({
    knex,
    driver,
    secrets,
    issuer: config.issuer,
    allowPrivate,
    fetch: createGuardedFetch({ allowPrivate }),
  });
  const vault = createVault({ knex, driver, secrets });
  return { services, vault, usage: createConnectionUsage(knex) };
}
