import { setUpSession } from './driver/postgres-session.ts';
import type { Database } from './open.ts';

/**
 * Detects a connection pooler (PgBouncer) or a Galera cluster, because each changes how we use the database.
 * @returns a phrase for the log and `latchkey doctor`; undefined if there is neither
 */
export async function describePoolerOrCluster({ engine, knex }: Database): Promise<string | undefined> {
  if (engine === 'sqlite') return undefined;
  if (engine === 'mysql') {
    const [rows] = await knex.raw("SHOW STATUS LIKE 'wsrep_cluster_size'");
    const members = Number(rows[0]?.Value ?? 0);
    return members > 0
      ? `a Galera cluster of ${members}: each statement waits for the other members`
      : undefined;
  }
  const connection = await knex.client.acquireConnection();
  try {
    const isPooled = await setUpSession(connection);
    return isPooled ? 'through a connection pooler: statements are not prepared' : undefined;
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
