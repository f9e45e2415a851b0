import { insertInto, sql, update } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';

/** Guesses in each round; what they count up to (NIST SP 800-63B section 5.2.2 allows 100 in a row). */
const ROUND = 5;
export const MOST_GUESSES = 100;

const FIRST_LOCK_MINUTES = 15;
const LONGEST_LOCK_MINUTES = 24 * 60;
const FOREVER = new Date('9999-12-31T23:59:59.999Z');

/** Where the guesses at a password are counted: the account's credential, or one browser that the person knows. */
export interface GuessCount {
  table: 'T_credentials' | 'T_known_browsers';
  id: string;
  /** Whether a guess will be allowed, as it was when the row was read. */
  isOpen: boolean;
}

/** The end of the lock that guess number `count` sets: 15, 30, 60 … minutes up to a day, at last for ever. */
function lockedUntil(count: number, now: number): Date {
  if (count >= MOST_GUESSES) return FOREVER;
  const minutes = FIRST_LOCK_MINUTES * 2 ** (count / ROUND - 1);
  return new Date(now + Math.min(minutes, LONGEST_LOCK_MINUTES) * 60_000);
}

const lockingGuesses = Array.from({ length: MOST_GUESSES / ROUND }, (_, index) => (index + 1) * ROUND);

const lockName = (guess: number) => `lock_${guess}`;

/** MySQL assigns from left to right and would see the new count, so the lock is set before the count. */
const COUNT_AND_LOCK = sql(
  [
    ...lockingGuesses.map(
      (guess, index) =>
        `${index === 0 ? 'locked_until = CASE failed_login_attempts' : ''} WHEN ${guess - 1} THEN `,
    ),
    ' ELSE locked_until END, failed_login_attempts = failed_login_attempts + 1',
  ],
  ...lockingGuesses.map(lockName),
);

const reserveIn = (table: string) =>
  update(table, {
    set: COUNT_AND_LOCK,
    where: sql`id = ${'id'} AND failed_login_attempts < ${'most'} AND (locked_until IS NULL OR locked_until <= ${'now'})`,
  });

const RESERVE = {
  T_credentials: reserveIn('T_credentials'),
  T_known_browsers: reserveIn('T_known_browsers'),
};

/** The one row that counts the guesses at accounts that are locked or unknown. */
const REFUSED = { key_hash: digest('refused guesses') };
const COUNT_REFUSED = update('T_rate_limits', {
  set: sql`points = points + 1`,
  where: sql`key_hash = ${'key_hash'}`,
});
const INSERT_REFUSED = insertInto('T_rate_limits', ['id', 'created_at', 'key_hash', 'points', 'expires_at'], {
  onConflict: 'nothing',
});
const DAY_MS = 86_400_000;

/**
 * A guess that is refused touches no row of its own, and so would be answered sooner, by a page and a flush to the
 * disk, than one that counts: it counts here. Each guess is two statements at the same moment, of which one touches a
 * row; a commit that comes after another, or only at times, could be measured as well.
 */
async function countRefused(isRefused: boolean, now: Date): Promise<void> {
  const key_hash = isRefused ? REFUSED.key_hash : '';
  const missed = await currentUnit().commitNow([
    { statement: COUNT_REFUSED, values: { key_hash }, guard: 'refused' },
  ]);
  if (!missed || !isRefused) return;
  const expires_at = new Date(now.getTime() + 30 * DAY_MS);
  const values = { id: uuidv7(), created_at: now, ...REFUSED, points: 1, expires_at };
  await currentUnit().commitNow([{ statement: INSERT_REFUSED, values }]);
}

/**
 * Counts a guess as failed before the password is looked at, in a commit of its own: of a thousand at once, over
 * any number of servers, five go on and the fifth sets the lock. One statement and its row count decide.
 * @param count undefined for an unknown account, which costs as much
 * @returns whether the password may be looked at
 */
export async function reserveGuess(count: GuessCount | undefined): Promise<boolean> {
  const table = count?.table ?? 'T_credentials';
  const now = Date.now();
  const locks = lockingGuesses.map((guess) => [lockName(guess), lockedUntil(guess, now)]);
  const values = {
    ...Object.fromEntries(locks),
    id: count?.id ?? '',
    most: MOST_GUESSES,
    now: new Date(now),
  };
  const reserve = { statement: RESERVE[table], values, guard: 'guess' };
  const [refused] = await Promise.all([
    currentUnit().commitNow([reserve]),
    countRefused(!count?.isOpen, new Date(now)),
  ]);
  return !refused;
}

/** The row of failures is broken; written with all else that the sign-in writes. */
export const NO_GUESSES = { failed_login_attempts: 0, locked_until: null };
