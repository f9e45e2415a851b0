import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { unavailable } from '../kit/errors.ts';
import { failureOf, toUnavailable } from './driver/failures.ts';

const ATTEMPTS = 9;

/** SQLite's dialect has waited for the lock already. */
const hasWaited = (error: unknown) => String((error as { code?: unknown }).code).startsWith('SQLITE_');

/**
 * Runs `work` in a transaction. If the database rolls it back in favour of another transaction, it is repeated, so `work`
 * must change nothing outside of the transaction. It must write before it reads: SQLite cannot turn a reader into a writer.
 * @throws LatchkeyError unavailable when every attempt was rolled back or the database is unavailable; otherwise the error
 *   of `work`
 */
export async function inTransaction<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await knex.transaction(work);
    } catch (error) {
      const failure = failureOf(error);
      const isRolledBack = failure === 'retry' || (failure === 'locked' && !hasWaited(error));
      if (!isRolledBack) throw toUnavailable(error);
      if (attempt === ATTEMPTS) throw unavailable(error);
      await sleep(Math.random() * 20 * attempt);
    }
  }
}

/** Whether a unique index or the primary key refused the row. */
export const isDuplicate = (error: unknown) => failureOf(error) === 'duplicate';
