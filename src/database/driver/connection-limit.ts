import { setTimeout as sleep } from 'node:timers/promises';
import { DEADLINE_MS } from '../time-limits.ts';

/** The server, or its rule for this user, allows no other connection. */
const CODES = ['53300', 'ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_USER_LIMIT_REACHED'];

/** Whether a connection was refused because there are too many. */
export const isAtLimit = (error: unknown): boolean =>
  CODES.includes(String((error as { code?: unknown }).code));

/** How long a request waits for a connection. It is shorter than the deadline, so that the error names the cause. */
export const LIMIT_WAIT_MS = DEADLINE_MS - 300;

/** Random, so that those who wait do not all try at the same moments. */
export const pauseAtLimit = (): Promise<void> => sleep(10 + Math.random() * 30);

/**
 * Repeats `connect` while the server has no connection left, because another request of this server gives one back soon.
 * @param onLimit asks another pool of this server for one
 */
export async function waitAtLimit<T>(connect: () => Promise<T>, onLimit?: () => void): Promise<T> {
  for (const began = performance.now(); ; ) {
    try {
      return await connect();
    } catch (error) {
      if (!isAtLimit(error) || performance.now() - began > LIMIT_WAIT_MS) throw error;
      onLimit?.();
      await pauseAtLimit();
    }
  }
}
