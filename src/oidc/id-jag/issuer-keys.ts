import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { findUsableKeys } from '../../kit/public-keys.ts';

/** Keys are read again after this time, or for a key that is not known, at most once in the shorter one. */
const FRESH_MS = 10 * 60_000;
const RETRY_PAUSE_MS = 30_000;

/** Reads the keys of trusted issuers, whose addresses operators have entered, and keeps them for some minutes. */
export function createIssuerKeys(fetch: GuardedFetch) {
  const known = new Map<string, { readAt: number; keys: Promise<JWTVerifyGetKey> }>();

  async function read(jwksUri: string): Promise<JWTVerifyGetKey> {
    const response = await fetch(jwksUri, { headers: { accept: 'application/json' } });
    if (response.status !== 200) throw new Error(`${jwksUri} answered ${response.status}`);
    const { keys } = (await response.json()) as JSONWebKeySet;
    return createLocalJWKSet({ keys: findUsableKeys(keys) });
  }

  /** @param mayBeOld false: to be read again, unless that was done just now */
  return (jwksUri: string, mayBeOld: boolean): Promise<JWTVerifyGetKey> => {
    const found = known.get(jwksUri);
    const age = found ? performance.now() - found.readAt : Number.POSITIVE_INFINITY;
    if (found && age < (mayBeOld ? FRESH_MS : RETRY_PAUSE_MS)) return found.keys;
    const keys = read(jwksUri);
    known.set(jwksUri, { readAt: performance.now(), keys });
    keys.catch(() => known.delete(jwksUri));
    return keys;
  };
}
