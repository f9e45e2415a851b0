import { setUp } from './driver/postgres-session.ts';
import type { Database } from './open.ts';

/**
 * What stands between this server and its database, or beside it, and changes how it is used.
 * @returns words for the log and `latchkey doctor`; undefined for a database by itself
 */
export async function describeSurroundings({ engine, knex }: Database): Promise<string | undefined> {
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
    const isPooled = await setUp(connection);
    return isPooled ? 'through a connection pooler: statements are not prepared' : undefined;
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
