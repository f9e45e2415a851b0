import type { Logger } from '../kit/log.ts';
import { schemaStatus } from './migrate.ts';
import type { Database } from './open.ts';

/** @returns a check that says why the server cannot serve, in words for the operator, or undefined */
export function createReadiness(database: Database, log: Logger): () => Promise<string | undefined> {
  let isCurrent = false;
  let isLogged = false;
  return async () => {
    try {
      await database.ping();
      if (!isCurrent) isCurrent = (await schemaStatus(database)).current;
      isLogged = false;
    } catch (error) {
      // Once for each outage: orchestrators ask every few seconds.
      if (!isLogged) log.error({ event: 'database_unavailable', err: error });
      isLogged = true;
      return 'The database does not answer.';
    }
    return isCurrent ? undefined : 'The schema is not current: run latchkey db migrate.';
  };
}
