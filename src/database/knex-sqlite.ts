import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { LOCK_WAIT_MS } from './driver/contract.ts';
import { toText } from './instants.ts';

interface Query {
  sql: string;
}

/**
 * How long the driver waits for another process that is writing. It keeps the whole process waiting, so it is short: who
 * still finds it busy comes again after `pauseMs`, and others are served meanwhile.
 */
export const BUSY_MS = 4;

/** Another process is writing, or mends the file after a crash, and nothing was done. */
export const isBusy = (error: unknown) =>
  /^SQLITE_BUSY(_RECOVERY)?$/.test((error as { code?: string }).code ?? '');

/** A moment of its own length, so that two processes do not keep step. */
export const pauseMs = () => 5 + Math.random() * 15;

/** When the file was last waited for in vain on that connection, as `performance.now()` counts. */
const inVain = new WeakMap<object, number>();

/**
 * Knex's dialect with three traps taken out: a `Date` is bound as text that sorts and compares like
 * CURRENT_TIMESTAMP (the driver's epoch milliseconds are smaller than any text), and a transaction takes the
 * write lock at its start, so that two processes wait for each other instead of failing half-way; and that wait does not
 * keep this process from its other work.
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
    for (const began = performance.now(); ; await sleep(pauseMs())) {
      try {
        return await super._query(connection, query);
      } catch (error) {
        if (!isBusy(error)) throw error;
        const now = performance.now();
        if (now - began > LOCK_WAIT_MS) inVain.set(connection, now);
        // Those who queued for the connection meanwhile have waited as well.
        if (now - (inVain.get(connection) ?? -LOCK_WAIT_MS) < LOCK_WAIT_MS) throw error;
      }
    }
  }
}
