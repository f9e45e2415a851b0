import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { toDialect } from './dialect.ts';

/**
 * Rows in one batch. On SQLite a batch blocks every other writer and this process, so it is small. Servers lock only
 * the rows themselves, but on MySQL every commit waits for the log that a batch writes to.
 */
const BATCH_ROWS = { sqlite: 25, postgres: 500, mysql: 100 };
/**
 * The shortest pause after a batch, so that requests have the database to themselves. On SQLite, a batch takes a
 * millisecond, which requests do not notice. They notice the checkpoint after every 4000 changed pages, so batches run
 * slowly.
 */
const PAUSE_MS = { sqlite: 100, postgres: 20, mysql: 20 };
/** A pause lasts at least this many times as long as the batch took, so that a slow database gets more time. */
const PAUSE_PER_BATCH_TIME = 4;

export interface Sweep {
  table: string;
  /** An instant with an index. Batches follow it, so that none reads rows again that earlier ones skipped. */
  column: string;
  /** SQL for `toDialect`. */
  condition: string;
  /** Rows before it are skipped. */
  since?: Date;
}

export interface SweepControl {
  /** Called after each batch with the number of rows it changed. */
  onBatch?(rows: number): void;
  /** Called before each batch; false ends the sweep. The next sweep continues where this one ended. */
  shouldContinue?(): boolean;
}

/**
 * Changes every row that meets a condition, in batches that are committed one by one.
 * @param change updates or deletes a batch. The batch repeats the condition, so a row that no longer meets it is left
 *   alone, and a row that another sweep has taken is counted there only
 * @returns how many rows were changed
 */
export async function changeInBatches(
  { knex, engine }: Database,
  { table, column, condition, since }: Sweep,
  change: (batch: Knex.QueryBuilder) => PromiseLike<number>,
  { onBatch = () => {}, shouldContinue = () => true }: SweepControl = {},
): Promise<number> {
  const where = toDialect(condition, engine);
  let from: unknown = since;
  let changed = 0;
  while (shouldContinue()) {
    const began = performance.now();
    const due = knex(table).select('id', column).whereRaw(where).orderBy(column).limit(BATCH_ROWS[engine]);
    if (from !== undefined) due.where(column, '>=', from as Date);
    const batch = await due;
    if (batch.length === 0) break;
    const ids = batch.map(({ id }) => id).sort();
    const work = (source: Knex) => change(source(table).whereIn('id', ids).whereRaw(where));
    // On SQLite a single statement takes one turn of the event loop, so no request has to wait for a transaction.
    const rows = engine === 'sqlite' ? await work(knex) : await inTransaction(knex, async (trx) => work(trx));
    changed += rows;
    onBatch(rows);
    if (batch.length < BATCH_ROWS[engine]) break;
    from = batch.at(-1)?.[column];
    await sleep(Math.max(PAUSE_MS[engine], PAUSE_PER_BATCH_TIME * (performance.now() - began)));
  }
  return changed;
}
