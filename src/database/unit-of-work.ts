import { AsyncLocalStorage } from 'node:async_hooks';
import type { Driver, Found } from './driver/contract.ts';
import type { Statement, Value } from './statement-builders.ts';
import type { Write } from './writes.ts';

/** Where a request came from, for the rows that record it. */
export interface Origin {
  ip?: string;
  userAgent?: string;
  requestId?: string;
}

/**
 * Everything that one request reads and writes. Reads are remembered, a later write to a row replaces an earlier one,
 * and all writes are committed at once before the response leaves: a crash keeps all of a request or nothing.
 */
export class UnitOfWork {
  readonly origin: Origin;
  /** Values that other rooms keep during this request, each under its own key. */
  readonly memory = new Map<string, unknown>();
  /** Why a read or the commit failed, if one did: the response becomes 503. */
  failure: unknown;
  /** Whether a part of the request was committed apart from this unit: repeating the request may then do harm. */
  hasCommittedPart = false;
  readonly #driver: Driver;
  /** The results of reads by key, or their promises while they are under way. */
  readonly #known = new Map<string, unknown>();
  readonly #writes = new Map<string, Write>();
  #sequence = 0;
  readonly #onLoss: (() => void)[] = [];

  constructor(driver: Driver, origin: Origin = {}) {
    this.#driver = driver;
    this.origin = origin;
  }

  /** Reads from the database, even if this unit has read the row already. */
  readOne<Name extends string>(
    statement: Statement<Name>,
    values: Record<NoInfer<Name>, Value>,
  ): Promise<Found> {
    return this.#driver.readOne(statement, values).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): never {
    this.failure ??= error;
    throw error;
  }

  /** Calls `read` at the first use of that key. Later and concurrent callers get the same result. */
  readOnce<T>(key: string, read: () => T | Promise<T>): T | Promise<T> {
    if (this.#known.has(key)) return this.#known.get(key) as T | Promise<T>;
    const found = read();
    this.#known.set(key, found);
    return found;
  }

  /** The result, or the promise of a read under way; undefined when nothing was read, or nothing found. */
  findKnown<T>(key: string): T | Promise<T> | undefined {
    return this.#known.get(key) as T | Promise<T> | undefined;
  }

  /** Remembers a row that came with another read, unless that key is known already. */
  addKnown(key: string, value: unknown): void {
    if (!this.#known.has(key)) this.#known.set(key, value);
  }

  /** Replaces what is known under that key. */
  setKnown(key: string, value: unknown): void {
    this.#known.set(key, value);
  }

  /** @param key names the row: a later write under the same key replaces this one */
  write<Name extends string>(write: Write<Name>, key = `#${this.#sequence++}`): void {
    this.#writes.set(key, write as Write);
  }

  /** The write that is not committed yet under that key. */
  findWrite(key: string): Write | undefined {
    return this.#writes.get(key);
  }

  /** Drops the write under that key, if there is one that is not committed. */
  cancel(key: string): void {
    this.#writes.delete(key);
  }

  /** Drops every write that is not committed, for example after an unexpected error. */
  discardWrites(): void {
    this.#writes.clear();
    this.#lose();
  }

  /** Calls `react` once if what this unit was to write is not committed: it was discarded, or the commit failed. */
  whenLost(react: () => void): void {
    this.#onLoss.push(react);
  }

  #lose(): void {
    for (const react of this.#onLoss.splice(0)) react();
  }

  /** Commits writes at once and apart from this unit, so that they stay even if this unit fails. */
  commitNow(writes: Write[]): Promise<string | undefined> {
    return this.#driver.commit(writes);
  }

  /** @returns an empty unit of the same request, to record that this one failed */
  createSibling(): UnitOfWork {
    return new UnitOfWork(this.#driver, this.origin);
  }

  /** @returns the guard that failed (then nothing was written), or undefined */
  async commit(): Promise<string | undefined> {
    if (this.#writes.size === 0) return undefined;
    const writes = [...this.#writes.values()];
    this.#writes.clear();
    try {
      const failedGuard = await this.#driver.commit(writes);
      if (failedGuard !== undefined) this.#lose();
      return failedGuard;
    } catch (error) {
      this.#lose();
      return this.#fail(error);
    }
  }
}

const current = new AsyncLocalStorage<UnitOfWork>();

/** @throws Error outside of `withUnit`: storage works only inside a unit */
export function currentUnit(): UnitOfWork {
  const found = current.getStore();
  if (!found) throw new Error('This code must run inside withUnit, which opens a unit of work.');
  return found;
}

/** The unit of the current request; undefined outside of one, such as in a job. */
export const findUnit = (): UnitOfWork | undefined => current.getStore();

/** Notes in the unit of the current request, if there is one, that a part of it is committed. */
export function notePartCommitted(): void {
  const unit = findUnit();
  if (unit) unit.hasCommittedPart = true;
}

/** Runs `work` with that unit as the current one. The caller commits it. */
export function withUnit<T>(unit: UnitOfWork, work: () => T): T {
  return current.run(unit, work);
}
