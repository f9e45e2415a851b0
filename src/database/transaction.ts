import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { unavailable } from '../kit/errors.ts';
import { failureOf, toUnavailable } from './driver/failures.ts';

const TRIES = 9;

/** SQLite's dialect has waited already. */
const hasWaited = (error: unknown) => String((error as { code?: unknown }).code).startsWith('SQLITE_');

/**
 * Does all of `work` or nothing. Repeats it when the database gave it up for another transaction, so `work` must touch
 * nothing but the transaction. It must also write before it reads: SQLite cannot turn a reader into a writer.
 * @throws LatchkeyError unavailable when every try was given up, or the database is unavailable; else what `work` throws
 */
export async function inTransaction<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await knex.transaction(work);
    } catch (error) {
      const failure = failureOf(error);
      const isGivenUp = failure === 'retry' || (failure === 'locked' && !hasWaited(error));
      if (!isGivenUp) throw toUnavailable(error);
      if (tries === TRIES) throw unavailable(error);
      await sleep(Math.random() * 20 * tries);
    }
  }
}

/** Whether a unique index or the primary key refused the row. */
export const isDuplicate = (error: unknown) => failureOf(error) === 'duplicate';
