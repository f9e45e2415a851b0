/** Every fifth failed attempt locks for a while, and the hundredth for good (NIST SP 800-63B section 5.2.2). */
export const ATTEMPTS_PER_LOCK = 5;
export const MAX_FAILED_ATTEMPTS = 20 * ATTEMPTS_PER_LOCK;

const FIRST_LOCK_MINUTES = 15;
const LONGEST_LOCK_MINUTES = 24 * 60;
const FOREVER = new Date('9999-12-31T23:59:59.999Z');

/** The end of the lock that failed attempt number `count` sets: 15, 30, 60… minutes from now, up to a day; after MAX_FAILED_ATTEMPTS the lock never ends. */
export function lockedUntil(count: number, now: number): Date {
  if (count >= MAX_FAILED_ATTEMPTS) return FOREVER;
  const minutes = FIRST_LOCK_MINUTES * 2 ** (count / ATTEMPTS_PER_LOCK - 1);
  return new Date(now + Math.min(minutes, LONGEST_LOCK_MINUTES) * 60_000);
}

const DAY_MS = 86_400_000;

/**
 * The latest end that a temporary lock can have. A lock with a later end was set while the clock was wrong, and is ignored:
 * nobody is locked out for years because a server once took the year for 2039.
 */
export const latestLockEnd = (now: number): Date => new Date(now + LONGEST_LOCK_MINUTES * 60_000 + DAY_MS);

/** @param until when the lock ends @param now in milliseconds */
export const isLockActive = (until: Date, now: number): boolean =>
  until.getTime() > now && (until <= latestLockEnd(now) || until >= FOREVER);

/** The failed attempts that set a lock: 5, 10, … 100. */
export const LOCKING_COUNTS = Array.from(
  { length: MAX_FAILED_ATTEMPTS / ATTEMPTS_PER_LOCK },
  (_, index) => (index + 1) * ATTEMPTS_PER_LOCK,
);
