import type { Knex } from 'knex';
import { uuidv7 } from '../../kit/ids.ts';
import { TRACE_LIFETIME_MS } from './lifetime.ts';

const TABLE = 'T_unrecorded_requests';
/** How long a server counts in one row. The sum of a day may be off by as much. */
const ROW_MS = 900_000;

/** Refused requests, failed sign-ins among them, that were not recorded because there were too many. */
export interface Unrecorded {
  from_registered: number;
  /** Requests that named no registered application. */
  from_unknown: number;
}

const NONE: Readonly<Unrecorded> = { from_registered: 0, from_unknown: 0 };

/** Counts in memory, for a job that adds the sum to a row of this server alone, so that servers never wait for each other. */
export function createUnrecordedCount(knex: Knex) {
  let waiting: Unrecorded = { ...NONE };
  let row: { id: string; until: number } | undefined;

  async function store(counts: Unrecorded, now: number): Promise<void> {
    // The row is gone if the clean-up is set to keep such rows for a shorter time.
    if (
      row &&
      now < row.until &&
      (await knex(TABLE)
        .where('id', row.id)
        .increment({ ...counts })) > 0
    )
      return;
    const next = { id: uuidv7(now), until: now + ROW_MS };
    const expires_at = new Date(next.until + TRACE_LIFETIME_MS);
    await knex(TABLE).insert({ id: next.id, created_at: new Date(now), ...counts, expires_at });
    row = next;
  }

  return {
    add(kind: keyof Unrecorded): void {
      waiting[kind] += 1;
    },
    /** Adds what was counted since the last call. If it throws, that waits for the next call. */
    async write(now: number): Promise<void> {
      const counts = waiting;
      if (counts.from_registered + counts.from_unknown === 0) return;
      waiting = { ...NONE };
      try {
        await store(counts, now);
      } catch (error) {
        for (const kind of ['from_registered', 'from_unknown'] as const) waiting[kind] += counts[kind];
        throw error;
      }
    },
  };
}

/** The sum of all servers in about the last day. */
export async function sumUnrecorded(knex: Knex): Promise<Unrecorded> {
  const [sum] = await knex(TABLE)
    .where('expires_at', '>', new Date())
    .sum({ from_registered: 'from_registered', from_unknown: 'from_unknown' });
  return { from_registered: Number(sum?.from_registered ?? 0), from_unknown: Number(sum?.from_unknown ?? 0) };
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** @returns what a list of attempts leaves out, in one sentence or two; undefined if it leaves out nothing */
export function describeUnrecorded({ from_registered, from_unknown }: Unrecorded): string | undefined {
  const all = from_registered + from_unknown;
  if (all === 0) return undefined;
  const were = all === 1 ? 'was' : 'were';
  const unknown =
    from_unknown === 0
      ? ''
      : from_registered === 0
        ? ' None of them named a registered application.'
        : ` Of these, ${from_unknown} named no registered application.`;
  return `${count(all, 'refused request')} of the last day ${were} not recorded, because there were too many.${unknown}`;
}
