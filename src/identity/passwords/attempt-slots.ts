import { randomBytes } from 'node:crypto';
import { type Fragment, sql } from '../../database/statement-builders.ts';
import { ATTEMPTS_PER_LOCK } from '../lockout-rule.ts';

/**
 * The attempts at a password that are being verified, in the column `attempts_under_way` of their counter: five slots of
 * 20 characters, the latest last. A slot holds the time until which the attempt may take, in milliseconds since 1970,
 * and six characters that tell it from others. Time 0 is a free slot, and a slot whose time has passed is free too. So
 * an attempt that a crash or an outage ended is forgotten after a while, and never counted as a wrong password. A time
 * further ahead than any attempt may take was written by a server whose clock was wrong: that slot is free as well.
 */

/** How many attempts may be under way plus failed since the last lock. */
const SLOT_COUNT = ATTEMPTS_PER_LOCK;
/** The length of a slot, and of the time in it. */
const SLOT_LENGTH = 20;
const TIME_LENGTH = 13;
const FREE = `${'0'.repeat(TIME_LENGTH)}.${'0'.repeat(SLOT_LENGTH - TIME_LENGTH - 1)}`;
export const ALL_FREE = FREE.repeat(SLOT_COUNT);

/** How long an attempt keeps its slot. */
export const SLOT_MS = 15_000;
/**
 * How long an attempt may run until it is answered. It is 5 s less than SLOT_MS, so that a server whose clock is up to
 * 5 s ahead does not free the slot of an attempt under way.
 */
export const ANSWER_MS = 10_000;

/** How far the clock of another server may be ahead before its slots count as free. */
const MAX_SKEW_MS = 60_000;

const timeOf = (ms: number) => String(ms).padStart(TIME_LENGTH, '0');

/** The slot of a new attempt. */
export const newSlot = (now: number) => `${timeOf(now + SLOT_MS)}.${randomBytes(3).toString('hex')}`;

/** The values of HAS_FREE_SLOT, TAKE_SLOT and FREE_SLOT. */
export const slotValues = (slot: string, now: number) => ({
  slot,
  holds_slot: `%${slot}%`,
  slot_now: timeOf(now),
  slot_latest: timeOf(now + SLOT_MS + MAX_SKEW_MS),
});

const OLDEST = `SUBSTR(attempts_under_way, 1 + ${SLOT_LENGTH} * (failed_login_attempts % ${SLOT_COUNT}), ${TIME_LENGTH})`;

/**
 * After `n` failures since the last lock, only the last `5 - n` slots may be used. The oldest of these is free
 * exactly when fewer than `5 - n` attempts are under way.
 */
export const HAS_FREE_SLOT: Fragment<'slot_now' | 'slot_latest'> = sql(
  [`(${OLDEST} <= `, ` OR ${OLDEST} > `, ')'],
  'slot_now',
  'slot_latest',
);

/** Drops the first slot and adds the new one. PostgreSQL cannot tell the type of an argument of CONCAT by itself. */
export const TAKE_SLOT: Fragment<'slot'> = sql(
  [
    `attempts_under_way = CONCAT(SUBSTR(attempts_under_way, ${SLOT_LENGTH + 1}), CAST(`,
    ` AS CHAR(${SLOT_LENGTH})))`,
  ],
  'slot',
);

/** Frees the slot, if it is still there. */
export const FREE_SLOT: Fragment<'holds_slot' | 'slot'> = sql(
  [
    'attempts_under_way = CASE WHEN attempts_under_way LIKE ',
    ` THEN CONCAT('${FREE}', REPLACE(attempts_under_way, `,
    ", '')) ELSE attempts_under_way END",
  ],
  'holds_slot',
  'slot',
);
