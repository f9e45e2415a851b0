/**
 * How long an application that has registered itself stays registered if nobody uses it. A use extends it by
 * LATCHKEY_REGISTRATION_TTL. Its row is deleted 30 days after the end (`config/retention.ts`).
 */
export const UNUSED_TTL_SECONDS = 7 * 86_400;

/** The most applications that nobody has used yet. Further ones can register with a token only. */
export const MAX_UNUSED = 1000;
