import { type AsymmetricKeyDetails, createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto';

const MAX_KEYS = 20;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_RSA_EXPONENT = 2n ** 32n - 1n;
/** Members that only private and symmetric keys have (RFC 7518 section 6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CURVES = new Set(['P-256', 'P-384', 'P-521', 'Ed25519']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A short key can be broken. A verification with a long one, or with a long exponent, takes as long as a signature: whoever
 * names the key in a request makes this server slow.
 * @returns what is wrong with an RSA key, as the end of a sentence
 */
export function rsaFault(details: AsymmetricKeyDetails): string | undefined {
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)
    return `has ${bits} bits. RSA keys have between ${MIN_RSA_BITS} and ${MAX_RSA_BITS}`;
  // If the exponent is 1, every signature is the message itself.
  if (exponent < 3n || exponent > MAX_RSA_EXPONENT)
    return 'has another exponent than RSA keys have. It is usually 65537';
  return undefined;
}

/** @param x5c of a key (RFC 7517 section 4.7) @returns its first certificate, which is that of the key @throws Error */
function readCertificate(x5c: unknown): X509Certificate | undefined {
  if (!Array.isArray(x5c) || !x5c.every((one) => typeof one === 'string')) return undefined;
  return new X509Certificate(Buffer.from(x5c[0] ?? '', 'base64'));
}

/** @param key a JWK (RFC 7517) @returns what is wrong with it as a public key, as the end of a sentence */
function keyFault(key: unknown): string | undefined {
  if (!isObject(key)) return 'is not a JSON object';
  const secret = PRIVATE_MEMBERS.find((member) => key[member] !== undefined);
  if (secret) return `has the private member "${secret}". Register public keys only`;
  if (!['RSA', 'EC', 'OKP'].includes(String(key.kty))) return 'has a kty other than RSA, EC and OKP';
  if (key.kid !== undefined && (typeof key.kid !== 'string' || key.kid === ''))
    return 'has a kid that is not a text';
  if (key.kty !== 'RSA' && !CURVES.has(String(key.crv)))
    return `has a crv other than ${[...CURVES].join(', ')}`;
  try {
    const publicKey = createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    if (key.x5c !== undefined && !readCertificate(key.x5c)?.publicKey.equals(publicKey))
      return 'has an x5c whose first certificate is not one of this key';
    return key.kty === 'RSA' ? rsaFault(publicKey.asymmetricKeyDetails ?? {}) : undefined;
  } catch {
    return 'is not a valid public key';
  }
}

/** @returns what is wrong with a JWK Set, as a sentence without its full stop; undefined when nothing is */
export function keySetFault(value: unknown): string | undefined {
  if (!isObject(value) || !Array.isArray(value.keys) || value.keys.length === 0)
    return 'A JWK Set is a JSON object with the list "keys", which has at least one key';
  const { keys } = value;
  if (keys.length > MAX_KEYS) return `A JWK Set has at most ${MAX_KEYS} keys`;
  const kids = keys.map((key: unknown) => isObject(key) && key.kid).filter(Boolean);
  if (new Set(kids).size < kids.length) return 'Two keys of the JWK Set have the same kid';
  for (const [index, key] of keys.entries()) {
    const fault = keyFault(key);
    if (fault) return `Key ${index + 1} of the JWK Set ${fault}`;
  }
  return undefined;
}

const usable = new WeakMap<object, boolean>();

function isUsable(key: object): boolean {
  const known = usable.get(key);
  if (known !== undefined) return known;
  const isFaultless = keyFault(key) === undefined;
  usable.set(key, isFaultless);
  return isFaultless;
}

/**
 * The keys of a set with which a signature may be verified. The others are ignored (RFC 7517 section 5), because a set that
 * somebody publishes is for other readers, too.
 * @returns none if there are too many: each of them may have to be tried
 */
export const findUsableKeys = <Key extends object>(keys: Key[]): Key[] =>
  keys.length > MAX_KEYS ? [] : keys.filter(isUsable);
