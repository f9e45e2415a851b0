import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { LOCK_WAIT_MS } from './driver/contract.ts';
import { failureOf } from './driver/failures.ts';
import { toText } from './instants.ts';

interface Query {
  sql: string;
}

/**
 * How long better-sqlite3 waits for another process that is writing. It blocks this whole process, so it is short:
 * `waitForFile` then tries again later, and other requests are served in between.
 */
export const BUSY_MS = 4;

/** When the file was last waited for in vain, as `performance.now()` counts. */
const waitedInVain = new WeakMap<object, number>();

/**
 * Repeats `work` while another process is writing to the file, or repairs it after a crash, for up to LOCK_WAIT_MS.
 * @param queue stands for all that wait for each other: after one waited in vain, the others give up at once
 */
export async function waitForFile<T>(queue: object, work: () => Promise<T>): Promise<T> {
  for (const began = performance.now(); ; ) {
    try {
      return await work();
    } catch (error) {
      if (failureOf(error) !== 'locked') throw error;
      const now = performance.now();
      if (now - began > LOCK_WAIT_MS) waitedInVain.set(queue, now);
      if (now - (waitedInVain.get(queue) ?? -LOCK_WAIT_MS) < LOCK_WAIT_MS) throw error;
      // Random, so that two processes do not keep step.
      await sleep(5 + Math.random() * 15);
    }
  }
}

/**
 * Knex's dialect with three changes. A `Date` is bound as text that sorts and compares like CURRENT_TIMESTAMP: the
 * library would bind milliseconds, which SQLite takes to be smaller than any text. A transaction takes the write lock at
 * its start, so that two processes wait for each other instead of failing half-way. And that wait does not block this
 * process.
 */
export class SqliteDialect extends (BetterSqlite as unknown as {
  new (config: unknown): { _query(connection: unknown, query: Query): Promise<unknown> };
}) {
  _formatBindings(bindings: unknown[] | undefined): unknown[] {
    return (bindings ?? []).map((value) => {
      if (value instanceof Date) return toText(value);
      return typeof value === 'boolean' ? Number(value) : value;
    });
  }

  override async _query(connection: object, query: Query): Promise<unknown> {
    if (query.sql === 'BEGIN;') query.sql = 'BEGIN IMMEDIATE;';
    return waitForFile(connection, () => super._query(connection, query));
  }
}
