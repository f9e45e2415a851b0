import { LatchkeyError } from '../../kit/errors.ts';
import type { Write } from '../writes.ts';
import { retried } from './contract.ts';

/** What comes in one turn of the event loop is handed over at its end, in groups of no more than `size`. */
export function byTurn<T>(size: number, handOver: (group: T[]) => void): (one: T) => void {
  let waiting: T[] = [];
  function drain(): void {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += size) handOver(all.slice(from, from + size));
  }
  return (one) => {
    if (waiting.length === 0) setImmediate(drain);
    waiting.push(one);
  };
}

/** How many units share a transaction at most: more would wait long for each other. */
const UNITS = 8;

interface Waiting {
  writes: Write[];
  resolve(guard: string | undefined): void;
  reject(error: unknown): void;
}

/**
 * Units that become ready in the same turn share a transaction; when it fails, each is done by itself.
 * @param attempt writes all of those units or nothing of any
 * @returns what commits a unit, as `Driver.commit`
 */
export function inStep(attempt: (units: Write[][]) => Promise<string | undefined>) {
  function alone({ writes, resolve, reject }: Waiting): void {
    retried(() => attempt([writes])).then(resolve, reject);
  }

  async function together(group: Waiting[]): Promise<void> {
    const outcome = await attempt(group.map(({ writes }) => writes)).then(
      (guard) => ({ failed: guard !== undefined, away: undefined }),
      (error: unknown) => ({ failed: true, away: error instanceof LatchkeyError ? error : undefined }),
    );
    for (const one of group) {
      if (!outcome.failed) one.resolve(undefined);
      // Whether that was committed nobody knows, so it is not done again.
      else if (outcome.away) one.reject(outcome.away);
      // One of them is at fault: each again by itself, so that no other pays for it.
      else alone(one);
    }
  }

  const add = byTurn<Waiting>(UNITS, (group) => {
    if (group.length === 1) alone(group[0] as Waiting);
    else together(group);
  });
  return (writes: Write[]): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      // One guarded write is one round trip as it is, and anybody can make it fail (a guess at a password): at no one's cost.
      const isOneGuarded = writes.length === 1 && writes[0]?.guard !== undefined;
      (isOneGuarded ? alone : add)({ writes, resolve, reject });
    });
}
