import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { outcomeUnknown, unavailable } from '../kit/errors.ts';
import { failureOf, isUnanswered, toUnavailable } from './driver/failures.ts';
import { SETTLE_MS } from './driver/settle.ts';
import { notePartCommitted } from './unit-of-work.ts';

const MAX_ATTEMPTS = 9;
const PAUSE_MS = 50;

/** SQLite's dialect has waited for the lock already. */
const hasWaited = (error: unknown) => String((error as { code?: unknown }).code).startsWith('SQLITE_');

interface Marker {
  table: string;
  id: string;
}

const markers = new WeakMap<Knex.Transaction, Marker>();

/** Names a row that the transaction has added: it is there later if, and only if, the transaction was committed. */
export function setMarker(trx: Knex.Transaction, marker: Marker): void {
  markers.set(trx, marker);
}

/**
 * Looks for the transaction's row for a second. If it is not there, the outcome stays unknown: the server may still have
 * the COMMIT before it.
 */
async function wasCommitted(knex: Knex, marker: Marker | undefined): Promise<boolean> {
  const until = performance.now() + SETTLE_MS;
  while (marker && performance.now() < until) {
    await sleep(PAUSE_MS);
    const row = await knex(marker.table)
      .where({ id: marker.id })
      .first('id')
      .catch(() => undefined);
    if (row) return true;
  }
  return false;
}

/** @throws LatchkeyError unavailable, with an unknown outcome where the answer to COMMIT was lost; the error of `work` */
async function transact<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  let done: { result: T; marker: Marker | undefined } | undefined;
  try {
    return await knex.transaction(async (trx) => {
      const result = await work(trx);
      done = { result, marker: markers.get(trx) };
      return result;
    });
  } catch (error) {
    if (!done || !isUnanswered(error)) throw error;
    if (await wasCommitted(knex, done.marker)) return done.result;
    throw outcomeUnknown(error);
  }
}

/**
 * Runs `work` in a transaction. If the database rolls it back in favour of another transaction, it is repeated, so `work`
 * must change nothing outside of the transaction. It must write before it reads: SQLite cannot turn a reader into a writer.
 * @param options `isRepeatable`: whether the request can be repeated although this was committed
 * @throws LatchkeyError unavailable when every attempt was rolled back or the database is unavailable; otherwise the error
 *   of `work`
 */
export async function inTransaction<T>(
  knex: Knex,
  work: (trx: Knex.Transaction) => Promise<T>,
  options: { isRepeatable?: boolean } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await transact(knex, work);
      if (!options.isRepeatable) notePartCommitted();
      return result;
    } catch (error) {
      const failure = failureOf(error);
      const isRolledBack = failure === 'retry' || (failure === 'locked' && !hasWaited(error));
      if (!isRolledBack) throw toUnavailable(error);
      if (attempt === MAX_ATTEMPTS) throw unavailable(error);
      await sleep(Math.random() * 20 * attempt);
    }
  }
}

/** Whether a unique index or the primary key refused the row. */
export const isDuplicate = (error: unknown) => failureOf(error) === 'duplicate';
