const now = () => Math.floor(Date.now() / 1000);

/**
 * The engine's `ttl.Session`. Every use moves the end of a session, but not beyond the maximum since the sign-in.
 * @param ttl in seconds (LATCHKEY_SESSION_TTL and LATCHKEY_SESSION_MAX_TTL)
 * @returns seconds; at least 1, the least that the engine accepts
 */
export const sessionTtl =
  (ttl: { session: number; sessionMax: number }) =>
  (_ctx: unknown, { loginTs = now() }: { loginTs?: number }): number =>
    Math.max(1, Math.min(ttl.session, loginTs + ttl.sessionMax - now()));
