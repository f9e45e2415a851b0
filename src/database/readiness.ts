import type { Logger } from '../kit/log.ts';
import { readSchemaStatus } from './migrate.ts';
import type { Database } from './open.ts';

/** @returns a check that resolves with the reason why the server cannot serve requests, or with undefined if it can */
export function createReadiness(database: Database, log: Logger): () => Promise<string | undefined> {
  let isCurrent = false;
  let isLogged = false;
  return async () => {
    try {
      await database.ping();
      if (!isCurrent) isCurrent = (await readSchemaStatus(database)).current;
      isLogged = false;
    } catch (error) {
      // Logged once for each outage, because orchestrators ask every few seconds.
      if (!isLogged) log.error({ event: 'database_unavailable', err: error });
      isLogged = true;
      return 'The database does not answer.';
    }
    return isCurrent ? undefined : 'The schema is not current: run latchkey db migrate.';
  };
}
