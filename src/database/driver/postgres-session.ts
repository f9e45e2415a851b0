import type pg from 'pg';
import { LOCK_WAIT_MS } from '../time-limits.ts';

/**
 * How every connection is set up. Isolation is pinned: under an operator's default of `serializable`, PostgreSQL would
 * refuse transactions that do not disturb each other.
 */
export const postgresSession = (lockWaitMs = LOCK_WAIT_MS) =>
  `SET lock_timeout = ${lockWaitMs}; SET default_transaction_isolation = 'read committed'`;

/**
 * Sets a new connection up.
 * @returns whether a pooler such as PgBouncer stands between. It may give each transaction another connection of its own,
 *   so nothing that belongs to a connection can be relied on: neither its settings nor the statements prepared on it.
 */
export async function setUpSession(client: pg.Client, lockWaitMs?: number): Promise<boolean> {
  await client.query(postgresSession(lockWaitMs));
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  // A pooler answers a log-in with a made-up process ID, which differs from the server's own. @types/pg does not
  // declare `processID`. If it is missing, the connection counts as direct.
  const { processID } = client as pg.Client & { processID?: number | null };
  return typeof processID === 'number' && processID !== rows[0].pid;
}
