import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { unavailable } from '../kit/errors.ts';
import { classify } from './driver/contract.ts';

const TRIES = 8;
const CONFLICT = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', '40P01', '40001']);

/**
 * All of `work` or nothing; again from its start when the database gave it up for another transaction. `work` must
 * touch nothing but the transaction, and write before it reads (SQLite cannot turn a reader into a writer).
 * @throws LatchkeyError unavailable when every try was given up, or the database is away; else what `work` throws
 */
export async function inTransaction<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await knex.transaction(work);
    } catch (error) {
      if (!CONFLICT.has((error as { code?: string }).code ?? '')) throw classify(error);
      if (left === 0) throw unavailable(error);
      await sleep(Math.random() * 20 * (TRIES - left + 1));
    }
  }
}

const DUPLICATE = new Set([
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  '23505',
  'ER_DUP_ENTRY',
]);

/** Whether a unique index or the primary key refused it. */
export const isDuplicate = (error: unknown) => DUPLICATE.has((error as { code?: string }).code ?? '');
