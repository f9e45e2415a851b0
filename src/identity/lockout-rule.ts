/** The lock is set after each five failed attempts, and after 100 it stays (NIST SP 800-63B section 5.2.2). */
export const ATTEMPTS_PER_LOCK = 5;
export const MAX_FAILED_ATTEMPTS = 100;

const FIRST_LOCK_MINUTES = 15;
const LONGEST_LOCK_MINUTES = 24 * 60;
const FOREVER = new Date('9999-12-31T23:59:59.999Z');

/** The end of the lock that failed attempt number `count` sets: after 15, 30, 60… minutes, up to a day, then never. */
export function lockedUntil(count: number, now: number): Date {
  if (count >= MAX_FAILED_ATTEMPTS) return FOREVER;
  const minutes = FIRST_LOCK_MINUTES * 2 ** (count / ATTEMPTS_PER_LOCK - 1);
  return new Date(now + Math.min(minutes, LONGEST_LOCK_MINUTES) * 60_000);
}

const DAY_MS = 86_400_000;

/**
 * The latest end of a lock, but for the one that stays. A later one was set while the clock was wrong, and counts as over:
 * nobody is locked out for years because a server once thought that it was 2039.
 */
export const latestLockEnd = (now: number): Date => new Date(now + LONGEST_LOCK_MINUTES * 60_000 + DAY_MS);

/** Whether a lock with that end holds. */
export const isHeld = (until: Date, now: number): boolean =>
  until.getTime() > now && (until <= latestLockEnd(now) || until >= FOREVER);

/** The failed attempts that set a lock: 5, 10, … 100. */
export const LOCKING_COUNTS = Array.from(
  { length: MAX_FAILED_ATTEMPTS / ATTEMPTS_PER_LOCK },
  (_, index) => (index + 1) * ATTEMPTS_PER_LOCK,
);
