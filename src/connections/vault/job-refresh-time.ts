/** How long before its end a job refreshes an access token: a tenth of its life, a little different for each. */
const EARLY_PART_OF_LIFETIME = 0.1;
/** A job refreshes no tokens that are younger, so that it cannot do nothing else for a service whose tokens end at once. */
const MIN_AGE_MS = 60_000;

/** @returns when a job refreshes the tokens; null: never, because they do not end or cannot be refreshed */
export function refreshDue(
  tokens: { refreshToken?: string | undefined; expiresAt?: Date | undefined },
  now = new Date(),
): Date | null {
  const { refreshToken, expiresAt } = tokens;
  if (refreshToken === undefined || !expiresAt) return null;
  const life = expiresAt.getTime() - now.getTime();
  const early = life * EARLY_PART_OF_LIFETIME * (1 + Math.random());
  return new Date(Math.max(now.getTime() + MIN_AGE_MS, expiresAt.getTime() - early));
}
