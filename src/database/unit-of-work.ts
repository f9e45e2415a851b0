import { AsyncLocalStorage } from 'node:async_hooks';
import type { Found, HotPath } from './driver/contract.ts';
import type { Value, Write } from './writes.ts';

/** Where a request came from, for the rows that tell of it. */
export interface Origin {
  ip?: string;
  userAgent?: string;
  requestId?: string;
}

/**
 * All that one request reads and writes. Reads are remembered, writes coalesce by row, and everything is
 * committed at once before the response leaves: a crash leaves all of a request or nothing.
 */
export class Unit {
  readonly origin: Origin;
  /** What the rooms remember of this request, each under a key of its own. */
  readonly memory = new Map<string, unknown>();
  /** Why a read or the commit could not be done, if so: the response becomes 503. */
  failure: unknown;
  readonly #hot: HotPath;
  /** By key what was read, or the promise of it while it is. */
  readonly #reads = new Map<string, unknown>();
  readonly #writes = new Map<string, Write>();
  #sequence = 0;

  constructor(hot: HotPath, origin: Origin = {}) {
    this.#hot = hot;
    this.origin = origin;
  }

  /** Reads past what this unit remembers. */
  get(sql: string, values: Value[]): Promise<Found> {
    return this.#hot.get(sql, values).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): never {
    this.failure ??= error;
    throw error;
  }

  /** @returns what `read` gave the first time that this key was asked for, also to those who ask meanwhile */
  once<T>(key: string, read: () => T | Promise<T>): T | Promise<T> {
    if (this.#reads.has(key)) return this.#reads.get(key) as T | Promise<T>;
    const found = read();
    this.#reads.set(key, found);
    return found;
  }

  /** What is remembered under that key, or is being read just now; undefined also when it was not asked for. */
  known<T>(key: string): T | Promise<T> | undefined {
    return this.#reads.get(key) as T | Promise<T> | undefined;
  }

  /** Remembers what came along with another read, unless that key is known already. */
  prime(key: string, value: unknown): void {
    if (!this.#reads.has(key)) this.#reads.set(key, value);
  }

  /** Replaces what is remembered under that key. */
  remember(key: string, value: unknown): void {
    this.#reads.set(key, value);
  }

  /** @param key names the row: a later write under the same key takes the place of this one */
  write(write: Write, key = `#${this.#sequence++}`): void {
    this.#writes.set(key, write);
  }

  pending(key: string): Write | undefined {
    return this.#writes.get(key);
  }

  /** Gives up every write, as after an unexpected error. */
  drop(): void {
    this.#writes.clear();
  }

  /** Commits those writes at once, apart from this unit: what a dropped unit must not take back. */
  commitNow(writes: Write[]): Promise<string | undefined> {
    return this.#hot.commit(writes);
  }

  /** An empty unit of the same request, for what is told after this one failed. */
  fresh(): Unit {
    return new Unit(this.#hot, this.origin);
  }

  /** @returns the guard that failed (then nothing was written), or undefined */
  async commit(): Promise<string | undefined> {
    if (this.#writes.size === 0) return undefined;
    const writes = [...this.#writes.values()];
    this.#writes.clear();
    try {
      return await this.#hot.commit(writes);
    } catch (error) {
      return this.#fail(error);
    }
  }
}

const current = new AsyncLocalStorage<Unit>();

/** @throws Error outside of `withUnit`: what reads or writes must be part of a unit */
export function unit(): Unit {
  const found = current.getStore();
  if (!found) throw new Error('There is no unit of work here.');
  return found;
}

/** Runs `work` in that unit; who opened it commits it. */
export function withUnit<T>(opened: Unit, work: () => T): T {
  return current.run(opened, work);
}
