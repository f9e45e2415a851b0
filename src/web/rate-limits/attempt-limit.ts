import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** How long an attempt under way is remembered: longer than any takes, and short enough to forget those of a dead server. */
export const UNDER_WAY_SECONDS = 15;

/** Lets the steps of one key follow each other; those of other keys run concurrently. */
function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(key: string, step: () => Promise<T>): Promise<T> => {
    const turn = (last.get(key) ?? Promise.resolve()).then(step, step);
    last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}

/**
 * Limits attempts that fail, without counting one that a crash or an outage ends. Attempts under way are counted apart
 * from failures, for some seconds only. An attempt is allowed while both counts together are within the limit, so
 * attempts at once cannot exceed it. Within this server a key's counts change in turns, so no attempt is in both;
 * another server may see one in both for a moment, and refuse an attempt that would have been the last.
 * @param failures counts for as long as the limit says
 * @param underWay counts for UNDER_WAY_SECONDS
 * @param refuseAttempt is given the reason @throws its error
 */
export function createAttemptLimit(
  failures: RateLimiterAbstract,
  underWay: RateLimiterAbstract,
  refuseAttempt: (reason: unknown) => never,
) {
  const inTurn = createTurns();

  /** @returns when this attempt is forgotten anyway, as `performance.now()` counts */
  async function begin(key: string): Promise<number> {
    const began = performance.now();
    const taken = await underWay.consume(key).catch((reason: unknown) => reason);
    if (!(taken instanceof RateLimiterRes)) throw taken;
    const forgottenAt = began + taken.msBeforeNext;
    const failed = await failures.get(key);
    if ((failed?.consumedPoints ?? 0) + taken.consumedPoints <= failures.points) return forgottenAt;
    await end(key, forgottenAt);
    return refuseAttempt(failed ?? taken);
  }

  async function end(key: string, forgottenAt: number): Promise<void> {
    if (performance.now() < forgottenAt) await underWay.reward(key);
  }

  /** More failures than the limit allows are counted too. @throws Error that is no refusal */
  async function fail(key: string): Promise<void> {
    await failures.consume(key).catch((reason: unknown) => {
      if (!(reason instanceof RateLimiterRes)) throw reason;
    });
  }

  /** Runs an attempt, which has failed if it returns undefined. @throws what `refuseAttempt` and `attempt` throw */
  return async <T>(key: string, attempt: () => Promise<T | undefined>): Promise<T | undefined> => {
    const forgottenAt = await inTurn(key, () => begin(key));
    let hasFailed = false;
    try {
      const result = await attempt();
      hasFailed = result === undefined;
      return result;
    } finally {
      await inTurn(key, async () => {
        if (hasFailed) await fail(key);
        await end(key, forgottenAt);
      });
    }
  };
}
