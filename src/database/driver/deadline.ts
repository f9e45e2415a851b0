import { type LatchkeyError, unavailable } from '../../kit/errors.ts';
import { DEADLINE_MS } from '../time-limits.ts';
import type { Driver } from './contract.ts';
import { failureOf, markAsDatabase, toUnavailable } from './failures.ts';

/** The deadline passed. */
class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * Rejects after DEADLINE_MS, whatever the client library does: a paused database must not hold requests.
 * @param toError of the timeout; by default nothing was done
 */
export function withDeadline<T>(
  work: Promise<T>,
  onTimeout?: () => void,
  toError: (cause: unknown) => LatchkeyError = unavailable,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      onTimeout?.();
      reject(toError(new NoAnswer(`no answer within ${DEADLINE_MS} ms`)));
    }, DEADLINE_MS);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        // These three are passed on unchanged: then group-commit.ts attempts each unit of the group again, alone.
        const failure = failureOf(markAsDatabase(error));
        const isOneUnits = failure === 'locked' || failure === 'retry' || failure === 'outdated';
        reject(isOneUnits ? error : toUnavailable(error));
      },
    );
  });
}

const PAUSE_MS = 100;

/**
 * After one call has timed out, calls fail at once for a moment. So a request waits for the deadline once, and
 * none queues behind a database that does not answer. A timeout says nothing about a database that has answered a
 * later call: one that hung and is back refuses nobody.
 */
export function failFast(driver: Driver): Driver {
  let until = 0;
  let lastAnswer = 0;
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    if (start < until) throw unavailable(new NoAnswer('it did not answer a moment ago'));
    try {
      const result = await work();
      lastAnswer = performance.now();
      return result;
    } catch (error) {
      const isNoAnswer = (error as Error).cause instanceof NoAnswer;
      if (isNoAnswer && lastAnswer < start) until = performance.now() + PAUSE_MS;
      throw error;
    }
  }
  return {
    readOne: (statement, values) => guarded(() => driver.readOne(statement, values)),
    commit: (writes) => guarded(() => driver.commit(writes)),
    shrink: () => driver.shrink?.(),
    close: () => driver.close(),
  };
}
