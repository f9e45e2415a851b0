import { setTimeout as sleep } from 'node:timers/promises';
import { LOCK_WAIT_MS } from '../time-limits.ts';
import { failureOf } from './failures.ts';

/**
 * How long better-sqlite3 waits for another process that is writing. It blocks this whole process, so it is short:
 * `waitForFile` then tries again later, and other requests are served in between.
 */
export const BUSY_MS = 4;

/** When a wait for the file last timed out, as `performance.now()` counts. */
const timedOutAt = new WeakMap<object, number>();

/**
 * Repeats `work` while another process is writing to the file, or repairs it after a crash, for up to LOCK_WAIT_MS.
 * @param queue identifies the waiters of one file: after one of them timed out, the others fail at once
 */
export async function waitForFile<T>(queue: object, work: () => Promise<T>): Promise<T> {
  for (const began = performance.now(); ; ) {
    try {
      return await work();
    } catch (error) {
      if (failureOf(error) !== 'locked') throw error;
      const now = performance.now();
      if (now - began > LOCK_WAIT_MS) timedOutAt.set(queue, now);
      if (now - (timedOutAt.get(queue) ?? -LOCK_WAIT_MS) < LOCK_WAIT_MS) throw error;
      // Random, so that two processes do not try at the same moments.
      await sleep(5 + Math.random() * 15);
    }
  }
}
