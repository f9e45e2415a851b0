/** When the access tokens of services are refreshed: before they end, when they are used, and again after a failure. */

/** How long before its end a job refreshes an access token: a tenth of its life, a little different for each. */
const EARLY_PART_OF_LIFETIME = 0.1;
/** A job refreshes no younger tokens: it would do nothing else for a service whose tokens end at once. */
const MIN_AGE_MS = 60_000;

/** A token that ends within this time is refreshed before it is used, whether or not the job's time has come. */
export const REFRESH_BEFORE_END_MS = 60_000;

/** @returns when a job refreshes the tokens; null: never, because they do not end or cannot be refreshed */
export function jobRefreshTime(
  tokens: { refreshToken?: string | undefined; expiresAt?: Date | undefined },
  now = new Date(),
): Date | null {
  const { refreshToken, expiresAt } = tokens;
  if (refreshToken === undefined || !expiresAt) return null;
  const life = expiresAt.getTime() - now.getTime();
  const early = life * EARLY_PART_OF_LIFETIME * (1 + Math.random());
  return new Date(Math.max(now.getTime() + MIN_AGE_MS, expiresAt.getTime() - early));
}

const FIRST_PAUSE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 3600;

/** Seconds until the next try: twice as long after each failure, at most an hour, between 75 % and 125 % of it. */
export function pauseSecondsAfter(failures: number, retryAfter = 0): number {
  const pause = Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** Math.min(failures - 1, 10));
  return Math.max(retryAfter, pause * (0.75 + Math.random() / 2));
}
