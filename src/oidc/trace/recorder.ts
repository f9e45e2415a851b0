import type { Knex } from 'knex';
import { uuidv7 } from '../../kit/ids.ts';
import { TRACE_LIFETIME_MS } from './lifetime.ts';
import { createAdmission } from './recording-limits.ts';
import type { Observation, Outcome } from './steps.ts';
import { addRows, findCodes, findKnownAttempts, joinAttempts, type NewTrace, trim } from './store.ts';
import { createUnrecordedCount } from './unrecorded.ts';

/** Observations that wait for the next write. Further ones are dropped. */
const MAX_WAITING = 500;
/** The number of writes after which a step is dropped if no server has recorded the beginning of its attempt. */
const MAX_TRIES = 3;

/** The maximum length of a row's JSON, in characters. Steps are left out until it fits, or until one step is left. */
const MAX_STEPS_LENGTH = 1500;
/** The number of new rows after which the oldest rows are deleted, if there are too many. */
const TRIM_AFTER_ROWS = 50;

interface Waiting extends Observation {
  id: string;
  attemptId: string | undefined;
  /** Whether it is dropped unless a server, this one or another, has recorded the beginning of the attempt. */
  isUncertain: boolean;
  tries: number;
}

/** If one attempt has several outcomes, the one with the highest number counts. */
const FINALITY: Record<Outcome, number> = { open: 0, connected: 1, refused: 2 };

/** Leaves out the last steps if there are too many. */
function toJson(steps: Observation['steps']): string {
  const kept = [...steps];
  while (kept.length > 1 && JSON.stringify(kept).length > MAX_STEPS_LENGTH) kept.pop();
  return JSON.stringify(kept);
}

/** A request that was pushed has its own name until it leads to a sign-in, as a registration has until a request. */
function lastName(names: Map<string, string>, name: string): string {
  const next = names.get(name);
  return next === undefined || next === name ? name : lastName(names, next);
}

/** One row for everything that was observed of one attempt since the last write. */
function toRow(attemptId: string, observations: Waiting[], now: number): NewTrace {
  const steps = observations.flatMap((one) => one.steps).sort((a, b) => a.at.localeCompare(b.at));
  const final = observations.reduce((a, b) => (FINALITY[b.outcome] > FINALITY[a.outcome] ? b : a));
  return {
    id: uuidv7(now),
    created_at: new Date(steps[0]?.at ?? now),
    attempt_id: attemptId,
    client_id: observations.find((one) => one.clientId)?.clientId?.slice(0, 255) ?? null,
    account_id: observations.find((one) => one.accountId)?.accountId ?? null,
    status: final.outcome,
    steps: toJson(steps),
    expires_at: new Date(now + TRACE_LIFETIME_MS),
  };
}

/**
 * Collects what requests did, in memory, for a job that writes it. Recording never waits, never fails and never touches
 * the database, so that a request does not feel it.
 */
export function createRecorder(knex: Knex) {
  const admission = createAdmission();
  const unrecorded = createUnrecordedCount(knex);
  let waiting: Waiting[] = [];
  let rowsSinceTrim = TRIM_AFTER_ROWS;

  /** Decides about the beginning of an attempt. A beginning that is not written decides nothing about the rest. */
  function decideBeginning(one: Waiting): Waiting | undefined {
    // Anyone can register any number of applications.
    const step = one.steps.at(-1)?.step;
    const owner = step === 'registration' ? '' : one.clientId;
    if (!admission.admitBeginning(`${owner} ${step}`, one)) return undefined;
    admission.remember([one.requestId, one.codeHash], { isAdmitted: true, attemptId: one.requestId });
    return one;
  }

  /** Decides whether an observation is written, and names its attempt as far as this server knows it. */
  function decide(one: Observation): Waiting | undefined {
    const id = uuidv7();
    const ids = [one.requestId, one.codeId, one.codeHash];
    const known = admission.find(ids);
    const attemptId = one.requestId ?? known?.attemptId;
    if (one.isBeginning) return decideBeginning({ ...one, id, attemptId, isUncertain: false, tries: 0 });
    const isUncertain = known === undefined && !one.begins && one.outcome !== 'refused';
    if (isUncertain) return { ...one, id, attemptId, isUncertain, tries: 0 };
    let isAdmitted = known?.isAdmitted;
    if (one.outcome === 'refused') {
      const { error, parameter } = one.steps.at(-1) ?? {};
      const fault = known?.attemptId ?? `${one.clientId} ${error} ${parameter}`;
      isAdmitted = admission.admitRefused(fault, one.standing ?? 'vetted', one);
    } else isAdmitted ??= admission.admitSuccess(`${one.clientId} ${one.accountId}`, one);
    const name = attemptId ?? one.codeId;
    // A refused code of another server: the database knows its attempt.
    if (name !== undefined || one.outcome !== 'refused')
      admission.remember(ids, { isAdmitted, attemptId: name });
    return isAdmitted ? { ...one, id, attemptId, isUncertain, tries: 0 } : undefined;
  }

  /**
   * An attempt is named by its authorization request if it has one, which the row of the code names. What was observed earlier
   * gets the same name.
   */
  async function groupByAttempt(
    observations: Waiting[],
  ): Promise<{ attempts: Map<string, Waiting[]>; names: Map<string, string> }> {
    const codes = await findCodes(
      knex,
      observations.filter((one) => one.attemptId === undefined),
    );
    const names = new Map<string, string>();
    const named = Map.groupBy(observations, (one) => {
      const code = codes.get(one.codeId ?? '') ?? codes.get(one.codeHash ?? '');
      one.accountId ??= code?.accountId;
      const name = one.attemptId ?? code?.attemptId ?? one.codeId ?? one.id;
      for (const earlier of one.earlierIds ?? []) if (!names.has(earlier)) names.set(earlier, name);
      return name;
    });
    const attempts = new Map<string, Waiting[]>();
    for (const [name, all] of named) {
      const last = lastName(names, name);
      attempts.set(last, [...(attempts.get(last) ?? []), ...all]);
    }
    return { attempts, names };
  }

  async function writeAll(observations: Waiting[], now: number): Promise<number> {
    const { attempts, names } = await groupByAttempt(observations);
    const uncertain = [...attempts].filter(([, all]) => all.every((one) => one.isUncertain));
    const known = await findKnownAttempts(
      knex,
      uncertain.map(([attemptId]) => attemptId),
    );
    for (const [attemptId, all] of uncertain) {
      if (known.has(attemptId)) continue;
      attempts.delete(attemptId);
      for (const one of all) {
        one.tries += 1;
        if (one.tries < MAX_TRIES) waiting.push(one);
      }
    }
    const rows = [...attempts].map(([attemptId, all]) => toRow(attemptId, all, now));
    for (const [earlier, name] of names) await joinAttempts(knex, earlier, lastName(names, name));
    await addRows(knex, rows);
    return rows.length;
  }

  return {
    /** Takes what a request did. */
    record(observation: Observation): void {
      const decided = waiting.length < MAX_WAITING ? decide(observation) : undefined;
      if (decided) waiting.push(decided);
      else if (observation.steps.some(({ error }) => error !== undefined))
        unrecorded.add(observation.standing === 'unknown' ? 'from_unknown' : 'from_registered');
    },

    /**
     * Writes what was recorded since the last call, one row for each attempt, and how much was not.
     * @returns how many rows were written; if it throws, what was not written waits for the next call
     */
    async write(now = Date.now()): Promise<number> {
      await unrecorded.write(now);
      if (waiting.length === 0) return 0;
      const observations = waiting;
      waiting = [];
      let written: number;
      try {
        written = await writeAll(observations, now);
      } catch (error) {
        waiting = [...observations, ...waiting].slice(0, MAX_WAITING);
        throw error;
      }
      rowsSinceTrim += written;
      if (rowsSinceTrim >= TRIM_AFTER_ROWS) {
        rowsSinceTrim = 0;
        await trim(knex);
      }
      return written;
    },
  };
}
