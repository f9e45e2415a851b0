import { concat, insertInto, sql, update } from '../../database/statement-builders.ts';
import { currentUnit, withUnit } from '../../database/unit-of-work.ts';
import type { Write } from '../../database/writes.ts';
import { toRepeatable, unavailable } from '../../kit/errors.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { LOCKING_COUNTS, latestLockEnd, lockedUntil, MAX_FAILED_ATTEMPTS } from '../lockout-rule.ts';
import { ANSWER_MS, FREE_SLOT, HAS_FREE_SLOT, newSlot, slotValues, TAKE_SLOT } from './attempt-slots.ts';

const DAY_MS = 86_400_000;

/** The columns of a counter. */
export const COUNTER_COLUMNS = ['failed_login_attempts', 'locked_until'] as const;
/** A counter at zero. */
export const NO_FAILED_ATTEMPTS = { failed_login_attempts: 0, locked_until: null };

/** The row that counts the failed attempts at a password: the password's own, or that of a trusted browser. */
export interface AttemptCounter {
  table: 'T_credentials' | 'T_known_browsers';
  id: string;
  /** Whether the account was locked when the row was read. */
  isLocked: boolean;
}

const lockName = (count: number) => `lock_${count}`;

/** Sets the lock before the count: MySQL assigns from left to right, and would see the new count. */
const COUNT_AND_LOCK = sql(
  [
    ...LOCKING_COUNTS.map(
      (count, index) =>
        `${index === 0 ? 'locked_until = CASE failed_login_attempts' : ''} WHEN ${count - 1} THEN `,
    ),
    ' ELSE locked_until END, failed_login_attempts = failed_login_attempts + 1',
  ],
  ...LOCKING_COUNTS.map(lockName),
);

const ID = sql`id = ${'id'}`;
const IS_OPEN = sql`failed_login_attempts < ${'maximum'} AND (locked_until IS NULL OR locked_until <= ${'now'} OR locked_until > ${'latest_end'})`;

const statementsOf = (table: string) => ({
  begin: update(table, { set: TAKE_SLOT, where: concat(ID, ' AND ', IS_OPEN, ' AND ', HAS_FREE_SLOT) }),
  fail: update(table, { set: concat(COUNT_AND_LOCK, ', ', FREE_SLOT), where: ID }),
  release: update(table, { set: FREE_SLOT, where: ID }),
});

const STATEMENTS = {
  T_credentials: statementsOf('T_credentials'),
  T_known_browsers: statementsOf('T_known_browsers'),
};

/** The one row that counts the attempts at locked and unknown accounts. */
const REFUSED_KEY = digest('refused guesses');
const COUNT_REFUSED = update('T_rate_limits', {
  set: sql`points = points + 1`,
  where: sql`key_hash = ${'key_hash'}`,
});
/** The second write of a refused attempt, where one that counts adds a failure. */
const KEEP_REFUSED = update('T_rate_limits', { set: ['expires_at'], where: sql`key_hash = ${'key_hash'}` });
const INSERT_REFUSED = insertInto('T_rate_limits', ['id', 'created_at', 'key_hash', 'points', 'expires_at'], {
  onConflict: 'nothing',
});

/** A sign-in can be repeated although its attempt was counted: a slot passes, and a wrong password stays wrong. */
function throwRepeatable(error: unknown): never {
  throw toRepeatable(error);
}

const commitCount = (writes: Write[]) => currentUnit().commitNow(writes).catch(throwRepeatable);

const refusedExpiry = (now: Date) => new Date(now.getTime() + 30 * DAY_MS);

/**
 * Makes a refused attempt cost as much as one that counts. A refused attempt changes no counter, so it would be answered
 * faster by one page write and one flush to disk. Every attempt therefore runs two statements at the same moment, of
 * which exactly one changes a row, when it begins and again when it fails. A second commit, or one that happens only sometimes, could be measured too.
 */
async function countRefused(isRefused: boolean, now: Date): Promise<void> {
  const key_hash = isRefused ? REFUSED_KEY : '';
  const missed = await commitCount([{ statement: COUNT_REFUSED, values: { key_hash }, guard: 'refused' }]);
  if (!missed || !isRefused) return;
  const expires_at = refusedExpiry(now);
  const values = { id: uuidv7(), created_at: now, key_hash: REFUSED_KEY, points: 1, expires_at };
  await commitCount([{ statement: INSERT_REFUSED, values }]);
}

/** An attempt under way. Its slot is freed by its outcome, or by time. */
export interface Attempt {
  counter: AttemptCounter;
  slot: string;
  /** When the attempt began, by `performance.now()`. */
  beganAt: number;
}

/**
 * Takes a slot for an attempt before the password is verified, in a separate commit. The row count of one UPDATE
 * decides: of a thousand attempts at once, on any number of servers, five are allowed.
 * @param counter undefined for an unknown account, which costs as much
 * @returns undefined when the password may not be verified
 */
export async function beginAttempt(counter: AttemptCounter | undefined): Promise<Attempt | undefined> {
  const beganAt = performance.now();
  const now = Date.now();
  const slot = newSlot(now);
  const values = {
    id: counter?.id ?? '',
    maximum: MAX_FAILED_ATTEMPTS,
    now: new Date(now),
    latest_end: latestLockEnd(now),
    ...slotValues(slot, now),
  };
  const statement = STATEMENTS[counter?.table ?? 'T_credentials'].begin;
  const isRefused = counter?.isLocked ?? true;
  const [refused] = await Promise.all([
    commitCount([{ statement, values, guard: 'attempt' }]),
    countRefused(isRefused, new Date(now)),
  ]);
  return counter && refused === undefined ? { counter, slot, beganAt } : undefined;
}

/**
 * Ensures that an attempt is answered only while its slot is held: afterwards others may have taken its place.
 * @throws LatchkeyError unavailable
 */
export function assertTimely(attempt: Attempt | undefined): void {
  if (attempt && performance.now() - attempt.beganAt > ANSWER_MS)
    throw unavailable(
      new Error(`The password was verified later than ${ANSWER_MS} ms after its attempt began.`),
    );
}

/**
 * Counts a failure, sets the lock at each fifth one and frees the slot, in a separate commit: nothing that happens to
 * the request later can take it back, and it is counted before anyone gets to know that the password is wrong.
 * @param attempt undefined for one that was refused, which costs as much
 * @param record adds what is to be committed with it
 */
export async function failAttempt(attempt: Attempt | undefined, record: () => void): Promise<void> {
  const now = Date.now();
  const locks = LOCKING_COUNTS.map((count) => [lockName(count), lockedUntil(count, now)]);
  const { counter, slot = '' } = attempt ?? {};
  const unit = currentUnit().createSibling();
  withUnit(unit, record);
  unit.write({
    statement: STATEMENTS[counter?.table ?? 'T_credentials'].fail,
    values: { ...Object.fromEntries(locks), id: counter?.id ?? '', ...slotValues(slot, now) },
  });
  const key_hash = attempt ? '' : REFUSED_KEY;
  unit.write({ statement: KEEP_REFUSED, values: { key_hash, expires_at: refusedExpiry(new Date(now)) } });
  await unit.commit().catch(throwRepeatable);
}

/**
 * Frees the slot of an attempt with the right password, in the commit of the current request, or apart from it when that
 * is not committed.
 * @param onStuck called when the slot could not be freed: time will
 */
export function releaseAttempt({ counter, slot }: Attempt, onStuck: () => void): void {
  const values = { id: counter.id, ...slotValues(slot, Date.now()) };
  const write = { statement: STATEMENTS[counter.table].release, values } as Write;
  const unit = currentUnit();
  unit.write(write);
  unit.whenLost(() => void unit.commitNow([write]).catch(onStuck));
}
