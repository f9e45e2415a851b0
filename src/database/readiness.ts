import type { Logger } from '../kit/log.ts';
import { countMigrations, readSchemaStatus } from './migrate.ts';
import type { Database } from './open.ts';

/** @returns a check that resolves with the reason why the server cannot serve requests, or with undefined if it can */
export function createReadiness(database: Database, log: Logger): () => Promise<string | undefined> {
  /** How many migrations were applied when the schema was last found to be current. */
  let current: number | undefined;
  let isLogged = false;
  return async () => {
    let fault: string | undefined;
    try {
      await database.ping();
      fault = await database.findWriteFault();
      // A migration may be undone while the server runs. To count them is cheap; to compare them takes many queries.
      if (current === undefined || (await countMigrations(database)) !== current) {
        const status = await readSchemaStatus(database);
        current = status.current ? status.applied.length : undefined;
      }
      if (fault && !isLogged) log.error({ event: 'database_not_writable', reason: fault });
      isLogged = fault !== undefined;
    } catch (error) {
      // Logged once for each outage, because orchestrators ask every few seconds.
      if (!isLogged) log.error({ event: 'database_unavailable', err: error });
      isLogged = true;
      return 'The database does not answer.';
    }
    if (fault) return `Nothing can be written to the database: ${fault}.`;
    return current !== undefined ? undefined : 'The schema is not current: run latchkey db migrate.';
  };
}
