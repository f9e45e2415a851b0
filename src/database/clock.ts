import type { Database } from './open.ts';

const MAX_DIFFERENCE_MS = 60_000;

const NOW = {
  postgres: 'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms',
  mysql: 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS ms',
};

/**
 * Compares this clock with the database's. Expiry is decided by this one, and rows of other servers carry theirs.
 * @returns a sentence if they differ by more than a minute
 */
export async function findClockFault({ engine, knex }: Database): Promise<string | undefined> {
  if (engine === 'sqlite') return undefined;
  const sentAt = Date.now();
  const answer = await knex.raw(NOW[engine]);
  const here = (sentAt + Date.now()) / 2;
  const [row] = engine === 'postgres' ? answer.rows : answer[0];
  const difference = Math.round(here - Number(row.ms));
  if (Math.abs(difference) <= MAX_DIFFERENCE_MS) return undefined;
  const seconds = Math.round(Math.abs(difference) / 1000);
  return `The clock of this machine is ${seconds} seconds ${difference > 0 ? 'ahead of' : 'behind'} the database's. Codes and tokens expire at the wrong time. Set both by NTP.`;
}
