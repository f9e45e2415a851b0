import { setTimeout as sleep } from 'node:timers/promises';
import { LatchkeyError, unavailable } from '../../kit/errors.ts';
import type { Engine } from '../statement-builders.ts';
import { LOCK_WAIT_MS } from '../time-limits.ts';
import type { Write } from '../writes.ts';
import type { Driver } from './contract.ts';
import { failureOf, toUnavailable } from './failures.ts';
import { type Step, stepsOf } from './steps.ts';

interface Waiting<Job, Result> {
  job: Job;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export interface Grouping<Job, Result> {
  /** Does all of the jobs or none. */
  attempt(jobs: Job[]): Promise<Result[]>;
  /** How many jobs share an attempt at most. */
  size: number;
  /** How many turns of the event loop a group waits at most, while each turn brings more jobs. */
  turns?: number;
  /** Whether a group waits until the one before it is done. */
  oneAtATime?: boolean;
  /** Whether a job is attempted at once and alone. */
  isApart?(job: Job): boolean;
}

const MAX_TRIES = 6;

/** Another transaction was in the way, and nothing was done: try again after a random pause. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const failure = failureOf(error);
      if (failure !== 'locked' && failure !== 'retry') throw toUnavailable(error);
      const waited = performance.now() - began;
      if (tries === MAX_TRIES || (failure === 'locked' && waited > LOCK_WAIT_MS)) throw unavailable(error);
      await sleep(Math.random() * 20 * tries);
    }
  }
}

/**
 * Jobs of the same turn of the event loop share one attempt. When it fails, each is attempted alone, so that only the
 * job at fault fails. Only an attempt that ended as `unavailable` is not repeated here: it may have been done (settle.ts).
 */
export function grouped<Job, Result>(options: Grouping<Job, Result>): (job: Job) => Promise<Result> {
  const { attempt, size, turns = 1, oneAtATime = false, isApart = () => false } = options;
  const queue: Waiting<Job, Result>[] = [];
  let isScheduled = false;
  let seen = 0;
  let turn = 0;

  const alone = ({ job, resolve, reject }: Waiting<Job, Result>) =>
    retried(() => attempt([job])).then(([result]) => resolve(result as Result), reject);

  async function together(group: Waiting<Job, Result>[]): Promise<void> {
    const [only] = group;
    if (only && group.length === 1) return alone(only);
    try {
      const results = await attempt(group.map(({ job }) => job));
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (error instanceof LatchkeyError) for (const { reject } of group) reject(error);
      else await Promise.all(group.map(alone));
    }
  }

  function schedule(): void {
    isScheduled = true;
    setImmediate(drain);
  }

  async function drain(): Promise<void> {
    turn += 1;
    if (turn < turns && queue.length > seen) {
      seen = queue.length;
      return schedule();
    }
    [seen, turn] = [0, 0];
    const groups: Promise<void>[] = [];
    while (queue.length > 0) groups.push(together(queue.splice(0, size)));
    if (oneAtATime) await Promise.all(groups);
    isScheduled = false;
    if (queue.length > 0) schedule();
  }

  return (job) =>
    new Promise((resolve, reject) => {
      if (isApart(job)) return alone({ job, resolve, reject });
      queue.push({ job, resolve, reject });
      if (!isScheduled) schedule();
    });
}

/** A guarded write touched no row, so nothing of its unit was written. */
export class GuardFailed extends Error {
  readonly guard = this.message;
}

/** Units of work share a transaction. @param options `attempt` may throw GuardFailed */
export function groupCommit(options: Grouping<Write[], string | undefined>): Driver['commit'] {
  const commit = grouped(options);
  return (writes) =>
    commit(writes).catch((error) => {
      if (error instanceof GuardFailed) return error.guard;
      throw error;
    });
}

/** Commits units together. On a database server they also share INSERTs of the same statement. @param run does all of the steps or none */
export function commitSteps(
  engine: Engine,
  run: (steps: [Step, ...Step[]]) => Promise<unknown>,
): Driver['commit'] {
  return groupCommit({
    // More units would wait long for each other.
    size: 8,
    // A single guarded write is one round trip anyway, and anybody can make it fail (by guessing a password).
    isApart: (writes) => writes.length === 1 && writes[0]?.guard !== undefined,
    async attempt(units) {
      await run(stepsOf(units.flat(), engine) as [Step, ...Step[]]);
      return [];
    },
  });
}
