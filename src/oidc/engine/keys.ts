import type { Provider } from 'oidc-provider';

/** What the engine keeps of its keys: those that sign and verify, and the document at `/jwks`. */
interface EngineKeys {
  keystore: { clear(): void; add(jwk: object): void } & Partial<Reload>;
  jwks: { keys: object[] };
}

interface Reload {
  /** Whether the keys were read just now, so that it is of no use to read them again. */
  fresh(): boolean;
  refresh(): Promise<void>;
}

/** What signs of the keys. */
interface SigningKeys {
  selectForSign(filter: { alg: string; use: 'sig' }): Jwk[];
  getKeyObject(jwk: Jwk): unknown;
}

interface Jwk {
  kid: string;
}

/** The engine's private state, which its own modules read with the same function. */
const readState = await import('oidc-provider/lib/helpers/weak_cache.js').then(
  (loaded): ((provider: object) => unknown) => loaded.default,
  () => () => undefined,
);

/** The engine's own functions for JWTs. */
const jwts = await import('oidc-provider/lib/helpers/jwt.js').catch(() => undefined);

export const findState = (provider: object) => readState(provider);

const findKeys = (provider: object) => readState(provider) as EngineKeys | undefined;

/** Whether the engine has what `replaceSigningKeys` uses. */
export function hasKeys(provider: object): boolean {
  const { keystore, jwks } = findKeys(provider) ?? {};
  return (
    typeof keystore?.clear === 'function' &&
    typeof keystore.add === 'function' &&
    Array.isArray(jwks?.keys) &&
    typeof jwts?.verify === 'function' &&
    typeof jwts.sign === 'function' &&
    typeof jwts.header === 'function'
  );
}

/**
 * Replaces the keys of a running provider, between two steps of any request. The provider must have been created with keys
 * of the same algorithms.
 * @param keys `signing`: private keys. `accepted`: public keys whose signatures are valid. `published`: those at `/jwks`
 */
export function replaceSigningKeys(
  provider: Provider,
  { signing, accepted, published }: { signing: Jwk[]; accepted: Jwk[]; published: Jwk[] },
): void {
  const state = findKeys(provider);
  if (!state) return;
  const own = new Set(signing.map(({ kid }) => kid));
  state.keystore.clear();
  // If an algorithm has several keys, the engine signs with the first.
  for (const jwk of [...signing, ...accepted.filter(({ kid }) => !own.has(kid))]) state.keystore.add(jwk);
  state.jwks = { keys: published };
}

/**
 * Reads the keys again before a signature is refused, since it may be of a key that another server has just created. The
 * engine does the same for the keys of clients.
 */
export function reloadBeforeRefusal(provider: Provider, reload: Reload): void {
  const state = findKeys(provider);
  if (state) Object.assign(state.keystore, reload);
}

/** Whether the text begins with the header of a JWT, by which the engine recognizes one. */
export function isJwt(text: string): boolean {
  try {
    return Boolean(jwts?.header(text));
  } catch {
    return false;
  }
}

/**
 * @param typ the type that the JWT's header must have, because an ID token is no access token
 * @returns the claims of a JWT that this issuer signed and that has not expired; undefined for any other text
 */
export async function readOwnJwt(
  provider: Provider,
  jwt: string,
  typ: string,
): Promise<Record<string, unknown> | undefined> {
  const keystore = findKeys(provider)?.keystore;
  if (!keystore || !jwts) return undefined;
  const verified = await jwts.verify(jwt, keystore, { issuer: provider.issuer }).catch(() => undefined);
  return verified?.header.typ === typ ? verified.payload : undefined;
}

/** Signs a JWT with the key that signs ID tokens of that algorithm. */
export async function signJwt(
  provider: Provider,
  claims: object,
  { alg, typ }: { alg: string; typ: string },
): Promise<string> {
  const { keystore } = findKeys(provider) as unknown as { keystore: SigningKeys };
  const [jwk] = keystore.selectForSign({ alg, use: 'sig' });
  if (!jwk || !jwts) throw new Error(`There is no key for ${alg}.`);
  return jwts.sign({ ...claims }, keystore.getKeyObject(jwk), alg, { typ, fields: { kid: jwk.kid } });
}
