import { SIGNED_TOKEN_TTL_SECONDS } from '../fixed-lifetimes.ts';
import type { KeyRow } from './store.ts';

/** When keys change their state. */

/** How often each server reads the keys. `runPeriodically` varies its pauses, so one can last up to half as long again. */
export const KEYS_READ_EVERY_MS = 5000;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The age at which the next key takes over. `app/doctor.ts` and the command's help say it in words. */
const ROTATE_AFTER_MS = 90 * DAY_MS;
/** A key that is this old means that no server rotates. */
const TOO_OLD_AFTER_MS = 100 * DAY_MS;
/** After this time every server has read a new key. Clients fetch it by then too: jose's createRemoteJWKSet pauses 30 seconds between fetches. */
const LOADED_AFTER_MS = MINUTE_MS;
/** How long a key is published before servers sign with it on their own, and so how long clients may cache the JWKS. */
const PUBLISH_BEFORE_MS = DAY_MS;
/** How long a retired key is published: until its last token has expired, and 30 minutes more for late servers and wrong clocks. */
const PUBLISH_AFTER_MS = SIGNED_TOKEN_TTL_SECONDS * 1000 + 30 * MINUTE_MS;

const after = (instant: Date, ms: number) => new Date(instant.getTime() + ms);

export const firstSigningTime = (now: Date) => after(now, PUBLISH_BEFORE_MS);
export const lastPublishedTime = (now: Date) => after(now, PUBLISH_AFTER_MS);

/**
 * Whether a server wrote it whose clock was far ahead: none writes a `created_at` in the future. If that was
 * the first start of all, nothing would rotate its keys before that time has come.
 */
const isMisdated = ({ created_at }: KeyRow, now: Date) => after(now, DAY_MS) < created_at;

/** Whether every server has the next key, so that one may sign with it. */
export const isLoaded = (next: KeyRow, now: Date) =>
  next.not_before <= now || after(next.created_at, LOADED_AFTER_MS) <= now || isMisdated(next, now);

export const loadedTime = (next: KeyRow) => after(next.created_at, LOADED_AFTER_MS);

export const isDue = (active: KeyRow, next: KeyRow, now: Date) =>
  isMisdated(next, now) || (after(active.not_before, ROTATE_AFTER_MS) <= now && next.not_before <= now);

export const isTooOld = (active: KeyRow, now: Date) => after(active.not_before, TOO_OLD_AFTER_MS) <= now;

/** Whether the operator has retired it as leaked. */
const isRejected = ({ retired_at, expires_at }: KeyRow) =>
  retired_at !== null && expires_at !== null && expires_at <= retired_at;

/** Whether this server accepts what it signed. */
export const isAccepted = (key: KeyRow) => key.status !== 'retired' || !isRejected(key);

/** Whether it is in the JWKS. */
export const isPublished = (key: KeyRow, now: Date) =>
  isAccepted(key) && (key.status !== 'retired' || (key.expires_at !== null && key.expires_at > now));
