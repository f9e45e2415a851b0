import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { findUsableKeys } from '../../kit/public-keys.ts';
import { findState } from './keys.ts';

/** The engine's keys of a client: those of its `jwks`, or those that it last read from its `jwks_uri`. */
interface ClientKeys extends Iterable<object> {
  jwksUri?: string;
  /** Until when the keys are used without reading them again, in seconds since 1970. */
  freshUntil?: number;
  fresh(): boolean;
  refresh(): Promise<void>;
  selectForVerify(options: object): object[];
}

interface KeyedClient {
  asymmetricKeyStore: ClientKeys;
  symmetricKeyStore: { add(jwk: object): void };
}

/** The least number of seconds between two reads of the same `jwks_uri`. */
const SECONDS_BETWEEN_READS = 10;
/** The most, whatever its Cache-Control says, so that a key that was removed there soon stops working. */
const MAX_KEY_AGE_SECONDS = 300;

const now = () => Math.floor(Date.now() / 1000);

/**
 * Reads the keys at a `jwks_uri` again when they are too old, and when the key of a signature is not among them (OpenID
 * Connect Core section 10.1.1). The engine itself does so only for a signature that it cannot verify, so a key that the
 * client has removed would stay valid; and it would wait for the end of the cache time before it learned a new one.
 */
function keepKeysFresh(keys: ClientKeys): void {
  const { selectForVerify, refresh } = keys;
  let last: { at: number; outcome: Promise<void> } | undefined;
  keys.selectForVerify = (options) => {
    const found = keys.fresh() ? selectForVerify.call(keys, options) : [];
    if (found.length === 0 && last && now() - last.at >= SECONDS_BETWEEN_READS) keys.freshUntil = 0;
    return found;
  };
  keys.refresh = () => {
    if (keys.fresh()) return Promise.resolve();
    // This counts reads that failed, too: anyone can name a client in a request with a made-up signature.
    if (last && now() - last.at < SECONDS_BETWEEN_READS) return last.outcome;
    const outcome = refresh.call(keys).then(
      () => {
        keys.freshUntil = Math.min(keys.freshUntil ?? 0, now() + MAX_KEY_AGE_SECONDS);
      },
      (error) => {
        keys.freshUntil = 0;
        throw error;
      },
    );
    last = { at: now(), outcome };
    return outcome;
  };
}

/**
 * Verifies with no key that may not be registered. Anyone can publish keys and name them in a request with a made-up
 * signature, and the engine tries every key that the signature may be of.
 */
function limitKeys(keys: ClientKeys): void {
  const { selectForVerify } = keys;
  keys.selectForVerify = (options) => {
    const known = new Set(findUsableKeys([...keys]));
    return selectForVerify.call(keys, options).filter((key) => known.has(key));
  };
}

const completed = new WeakSet<object>();

/**
 * Prepares the keys of a client that the engine has just loaded: verifies only with permitted keys, reads the key set at a
 * URL again when needed, and adds the earlier secret.
 * @param document the client's metadata. `earlier_secret` is the secret before the latest one; with `client_secret_jwt` a
 *   client may still sign with it
 */
export function completeClientKeys(client: object, document: object): void {
  if (completed.has(client)) return;
  completed.add(client);
  const { asymmetricKeyStore, symmetricKeyStore } = client as KeyedClient;
  const { earlier_secret } = document as { earlier_secret?: string };
  limitKeys(asymmetricKeyStore);
  if (asymmetricKeyStore.jwksUri) keepKeysFresh(asymmetricKeyStore);
  if (earlier_secret !== undefined)
    symmetricKeyStore.add({
      kty: 'oct',
      use: 'sig',
      alg: 'HS256',
      k: Buffer.from(earlier_secret).toString('base64url'),
    });
}

/**
 * Lets a client's clock be up to `seconds` fast when it signs an assertion or a request object, and at no other time:
 * the engine has one tolerance for these and for the end of codes and tokens.
 */
export function tolerateFastClocks(provider: Provider, seconds: number): void {
  const { configuration } = findState(provider) as { configuration: { clockTolerance: number } };
  const { prototype } = provider.OIDCContext as unknown as {
    prototype: { clientJwtAuthExpectedAudience(): Set<string>; entity(key: string, value: unknown): void };
  };
  const { clientJwtAuthExpectedAudience, entity } = prototype;
  // The engine reads the tolerance between these two calls.
  const found = new WeakSet<object>();
  prototype.entity = function (this: KoaContextWithOIDC['oidc'], key, value) {
    entity.call(this, key, value);
    if (key === 'Client' && this.params?.client_assertion !== undefined) found.add(this);
  };
  prototype.clientJwtAuthExpectedAudience = function () {
    found.delete(this);
    return clientJwtAuthExpectedAudience.call(this);
  };
  // For a request object the engine reads the tolerance right after the audience that it must have, in the same request.
  const issuer = Object.getOwnPropertyDescriptor(prototype, 'issuer');
  let reader: object | undefined;
  Object.defineProperty(prototype, 'issuer', {
    configurable: true,
    get(this: KoaContextWithOIDC['oidc']) {
      reader = this.params?.request === undefined ? undefined : this;
      queueMicrotask(() => {
        reader = undefined;
      });
      return issuer?.get?.call(this);
    },
  });
  const { clockTolerance } = configuration;
  Object.defineProperty(configuration, 'clockTolerance', {
    get() {
      const current = Provider.ctx?.oidc;
      return current && (current === reader || found.has(current)) ? seconds : clockTolerance;
    },
  });
}

/**
 * Accepts further audiences in client assertions. Our own check runs afterwards.
 * @param moreFor returns further audiences, given those that the engine accepts: the issuer, and the endpoints of the
 *   request and of tokens
 */
export function acceptAudiences(provider: Provider, moreFor: (urls: string[]) => string[]): void {
  const { prototype } = provider.OIDCContext as unknown as {
    prototype: { clientJwtAuthExpectedAudience(): Set<string> };
  };
  const { clientJwtAuthExpectedAudience } = prototype;
  prototype.clientJwtAuthExpectedAudience = function () {
    const accepted = [...clientJwtAuthExpectedAudience.call(this)];
    return new Set([...accepted, ...moreFor(accepted)]);
  };
}
