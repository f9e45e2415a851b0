/**
 * The fixed lifetimes of the protocol. Those that an operator can set are in `config/settings.ts`. Others are with their
 * subject: codes of devices (`device-flow.ts`), polls (`poll-interval.ts`), sign-ins without a browser
 * (`ciba/configuration.ts`), identity assertions (`id-jag/`), what our keys sign (`signing-keys/rotation-times.ts`), and
 * applications that registered themselves (`registration/unused-registrations.ts`).
 */

export const CODE_TTL_SECONDS = 60;
/** How long a sign-in page can be answered. */
export const INTERACTION_TTL_SECONDS = 3600;
/** A session or refresh token ends with its grant at the latest, so grants live long. */
export const GRANT_TTL_SECONDS = 10 * 365 * 86_400;

/** No token with a scope over Latchkey itself lives longer. */
export const LATCHKEY_TOKEN_TTL_SECONDS = 3600;
/**
 * The lifetime of a JWT access token, unless its API has another one or LATCHKEY_ACCESS_TOKEN_TTL is shorter. It outlives a
 * sign-out, a disabled account and a withdrawn consent, so it ends soon.
 */
export const DEFAULT_JWT_TTL_SECONDS = 600;
