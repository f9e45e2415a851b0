import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { SERVICE_NAME, type Service } from './service-config.ts';
import { listServiceRows, readService, toService } from './store.ts';

export interface ConnectionServicesDeps {
  knex: Knex;
  driver: Driver;
  secrets: Secrets;
}

/** The services at which people can connect an account. */
export function createConnectionServices({ knex, driver, secrets }: ConnectionServicesDeps) {
  const findFresh = createFreshCache<Service>(async (name) => {
    const row = await readService(driver, name);
    return row && toService(row, secrets);
  });

  /** A service as it was within the last second, also a disabled one: for what must work then too, such as disconnecting. */
  const findAny = (name: string): Promise<Service | undefined> =>
    SERVICE_NAME.test(name) ? findFresh(name) : Promise.resolve(undefined);

  return {
    findAny,

    /** The same for an active one; undefined when it is disabled. */
    async find(name: string): Promise<Service | undefined> {
      const service = await findAny(name);
      return service?.isActive ? service : undefined;
    },

    /** The active services, by name. */
    async listActive(): Promise<Service[]> {
      const rows = await listServiceRows(knex);
      return rows.filter((row) => row.is_active).map((row) => toService(row, secrets));
    },
  };
}
