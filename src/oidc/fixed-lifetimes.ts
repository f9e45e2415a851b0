/**
 * How long the protocol's codes, tokens and pages are valid, where no setting changes it. Operators set the lifetimes of access
 * tokens, refresh tokens and sessions: LATCHKEY_ACCESS_TOKEN_TTL and its neighbours, with defaults in `config/settings.ts`.
 * A few lifetimes are with their subject: sign-ins without a browser (`ciba/configuration.ts`), identity assertions
 * (`id-jag/`), and applications that registered themselves (`registration/unused-registrations.ts`). Pushed requests are valid
 * for a minute: the engine decides that.
 */

/** ID tokens, and the longest lifetime of a JWT access token: a retired signing key stays published for tokens of this age. */
export const SIGNED_TOKEN_TTL_SECONDS = 3600;
/**
 * The lifetime of a JWT access token, unless its API has another one or LATCHKEY_ACCESS_TOKEN_TTL is shorter. It outlives a
 * sign-out, a disabled account and a withdrawn consent, so it ends soon.
 */
export const DEFAULT_JWT_TTL_SECONDS = 600;
/** The longest lifetime of a token with a scope over Latchkey itself. */
export const LATCHKEY_TOKEN_TTL_SECONDS = 3600;

/** Seconds, by the engine's names. */
export const FIXED_TTL = {
  AuthorizationCode: 60,
  /** How long the user has to type the code of a device. How often the device may poll: `poll-interval.ts`. */
  DeviceCode: 600,
  IdToken: SIGNED_TOKEN_TTL_SECONDS,
  /** How long a sign-in page can be answered. */
  Interaction: 3600,
  /** A session or refresh token ends with its grant at the latest, so grants live long. */
  Grant: 10 * 365 * 86_400,
};
