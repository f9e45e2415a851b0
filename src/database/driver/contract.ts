import { setTimeout as sleep } from 'node:timers/promises';
import type { LatchkeyError } from '../../kit/errors.ts';
import { unavailable } from '../../kit/errors.ts';
import type { Row, Value, Write } from '../writes.ts';

/** What a SELECT finds: a row or none. */
export type Found = Row | undefined;

/**
 * What every request to the engine runs through: prepared statements, no query builder.
 * Both reject with LatchkeyError `unavailable` when the database does not answer within DEADLINE_MS.
 */
export interface Driver {
  /**
   * @param sql a SELECT of columns that it names (a migration may add some), `?` for each value, the very same string at each call
   * @returns its first row
   */
  readOne(sql: string, values: Value[]): Promise<Found>;
  /**
   * Writes all or nothing, durable when it resolves.
   * @returns the guard that touched no row (then nothing was written), or undefined
   */
  commit(writes: Write[]): Promise<string | undefined>;
  close(): Promise<void>;
}

export const DEADLINE_MS = 1500;
/**
 * How long a commit waits for a row that another transaction keeps, as an owner's own may in a client of the engine.
 * Shorter than the deadline, after which the connection, and with it the requests that share it, would be given up.
 */
export const LOCK_WAIT_MS = 1000;

const AWAY = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EHOSTUNREACH',
    'PROTOCOL_CONNECTION_LOST',
  ],
  ...['57P01', '57P02', '57P03', '53300', '08000', '08003', '08006', '08001', '25006'],
  ...['ER_CON_COUNT_ERROR', 'ER_SERVER_SHUTDOWN', 'POOL_CLOSED', 'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR'],
  ...['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_READONLY', 'SQLITE_IOERR', 'SQLITE_CANTOPEN'],
]);

/** Nothing was done: it was given up for another, or what was to prepare it failed. */
const AGAIN = new Set(['ER_LOCK_DEADLOCK', '40P01', '26000']);
const LOCKED = new Set(['ER_LOCK_WAIT_TIMEOUT', '55P03']);

const codeOf = (error: unknown) => (error as { code?: string }).code ?? '';

/** @returns `unavailable` for a database that is away, full, read-only or locked; else the error as it came */
export function classify(error: unknown): LatchkeyError | unknown {
  const { code = '', message = '', fatal } = error as { code?: string; message?: string; fatal?: boolean };
  const away =
    AWAY.has(code) ||
    LOCKED.has(code) ||
    /^SQLITE_(BUSY|IOERR|READONLY|CANTOPEN)/.test(code) ||
    fatal === true ||
    /Connection terminated|connection timeout|timeout exceeded|timeout expired|Timeout acquiring|closed state|not queryable|Query read timeout|pipeline/i.test(
      message,
    );
  return away ? unavailable(error) : error;
}

const TRIES = 6;

/**
 * The database gave up a commit so that another could go on: again, after a moment of its own length.
 * @throws LatchkeyError unavailable when every try was given up, or another transaction kept a row for LOCK_WAIT_MS
 */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      const locked = LOCKED.has(codeOf(error));
      if (!locked && !AGAIN.has(codeOf(error))) throw error;
      if (left === 0 || (locked && performance.now() - began > LOCK_WAIT_MS)) throw unavailable(error);
      await sleep(Math.random() * 20 * (TRIES - left));
    }
  }
}

/** The database was waited for in vain. */
class NoAnswer extends Error {}

const PAUSE_MS = 100;

/**
 * When one call waited in vain, the next ones fail at once for a moment: no request waits more than once, and
 * none queues behind a database that stands still.
 */
export function failFast(driver: Driver): Driver {
  let until = 0;
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (performance.now() < until) throw unavailable(new NoAnswer('it did not answer a moment ago'));
    try {
      return await work();
    } catch (error) {
      if ((error as Error).cause instanceof NoAnswer) until = performance.now() + PAUSE_MS;
      throw error;
    }
  }
  return {
    readOne: (sql, values) => guarded(async () => driver.readOne(sql, values)),
    commit: (writes) => guarded(() => driver.commit(writes)),
    close: () => driver.close(),
  };
}

/** Gives up after DEADLINE_MS, whatever the driver does: a paused database must not hold requests. */
export function withDeadline<T>(work: Promise<T>, onTimeout?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      onTimeout?.();
      reject(unavailable(new NoAnswer(`no answer within ${DEADLINE_MS} ms`)));
    }, DEADLINE_MS);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        // A lock is no fault of the others that share the commit: each is tried again by itself (`retried`).
        reject(LOCKED.has(codeOf(error)) ? error : classify(error));
      },
    );
  });
}
