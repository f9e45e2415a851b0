import { schemaStatus } from './migrate.ts';
import type { Database } from './open.ts';

/** Why the server cannot serve, in words for the operator, or undefined. */
export function readiness(database: Database): () => Promise<string | undefined> {
  let current = false;
  return async () => {
    try {
      await database.ping();
      if (!current) current = (await schemaStatus(database)).current;
    } catch {
      return 'The database does not answer.';
    }
    return current ? undefined : 'The schema is not current: run latchkey db migrate.';
  };
}
