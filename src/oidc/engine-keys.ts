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

interface Jwk {
  kid: string;
}

/** The engine's private state, which its own modules read with the same function. */
const readState = await import('oidc-provider/lib/helpers/weak_cache.js').then(
  (loaded): ((provider: object) => unknown) => loaded.default,
  () => () => undefined,
);

const findKeys = (provider: object) => readState(provider) as EngineKeys | undefined;

/** Whether the engine has what `replaceSigningKeys` uses. */
export function hasKeys(provider: object): boolean {
  const { keystore, jwks } = findKeys(provider) ?? {};
  return (
    typeof keystore?.clear === 'function' && typeof keystore.add === 'function' && Array.isArray(jwks?.keys)
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
  // Of several keys of an algorithm, the engine signs with the first.
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
