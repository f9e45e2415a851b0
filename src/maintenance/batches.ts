import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { inDialect } from './dialect.ts';

/**
 * On SQLite who writes keeps everybody else from writing, and this process from answering: few rows at a time. A
 * server's locks are those of the rows alone; MySQL's log, which every commit waits for, is written by all.
 */
const ROWS = { sqlite: 25, postgres: 500, mysql: 100 };
/**
 * Requests have the database for themselves at least so long after each batch. On SQLite it is not the batch that they
 * feel, which takes a millisecond: it is the checkpoint after every 4000 pages, which copies what batches changed here and there.
 */
const REST_MS = { sqlite: 100, postgres: 20, mysql: 20 };
/** How much longer they have it than a batch took: on SQLite it stands still for all, on others it takes CPU and disk. */
const REST_TIMES = { sqlite: 4, postgres: 4, mysql: 4 };

export interface Sweep {
  table: string;
  /** An instant with an index: batches go along it, past what the ones before left behind. */
  column: string;
  /** See `inDialect`. */
  condition: string;
  /** Nothing before it is looked at. */
  since?: Date;
}

export interface Pace {
  /** Hears how many rows each batch changed. */
  told?(rows: number): void;
  /** Asked before each batch; false ends the sweep, and the next one goes on where it was. */
  goOn?(): boolean;
}

/**
 * Changes every row of a condition, a batch at a time, each committed by itself.
 * @param change what is done to a batch. The condition is asked again: a row that is alive again meanwhile stays, and
 *   one that another sweep took first is counted there
 * @returns how many rows it changed
 */
export async function inBatches(
  { knex, engine }: Database,
  { table, column, condition, since }: Sweep,
  change: (batch: Knex.QueryBuilder) => PromiseLike<number>,
  { told = () => {}, goOn = () => true }: Pace = {},
): Promise<number> {
  const where = inDialect(condition, engine);
  let from: unknown = since;
  let changed = 0;
  while (goOn()) {
    const began = performance.now();
    const due = knex(table).select('id', column).whereRaw(where).orderBy(column).limit(ROWS[engine]);
    if (from !== undefined) due.where(column, '>=', from as Date);
    const batch = await due;
    if (batch.length === 0) break;
    const ids = batch.map(({ id }) => id).sort();
    const work = (source: Knex) => change(source(table).whereIn('id', ids).whereRaw(where));
    // One statement on SQLite is one turn of the event loop: no request waits for a transaction between.
    const rows = engine === 'sqlite' ? await work(knex) : await inTransaction(knex, async (trx) => work(trx));
    changed += rows;
    told(rows);
    if (batch.length < ROWS[engine]) break;
    from = batch.at(-1)?.[column];
    await sleep(Math.max(REST_MS[engine], REST_TIMES[engine] * (performance.now() - began)));
  }
  return changed;
}
