import { createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto';

/** A JWK Set (RFC 7517 section 5) with the public keys of an application. */
export interface ClientKeySet {
  keys: Record<string, unknown>[];
}

const MAX_KEYS = 20;
const MIN_RSA_BITS = 2048;
/** Members that only private and symmetric keys have (RFC 7518 section 6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CURVES = new Set(['P-256', 'P-384', 'P-521', 'Ed25519']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param x5c of a key (RFC 7517 section 4.7) @returns its first certificate, which is that of the key @throws Error */
function readCertificate(x5c: unknown): X509Certificate | undefined {
  if (!Array.isArray(x5c) || !x5c.every((one) => typeof one === 'string')) return undefined;
  return new X509Certificate(Buffer.from(x5c[0] ?? '', 'base64'));
}

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
    const { asymmetricKeyDetails } = publicKey;
    if (key.x5c !== undefined && !readCertificate(key.x5c)?.publicKey.equals(publicKey))
      return 'has an x5c whose first certificate is not one of this key';
    const bits = asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
    return bits < MIN_RSA_BITS ? `has ${bits} bits. RSA keys have at least ${MIN_RSA_BITS}` : undefined;
  } catch {
    return 'is not a valid public key';
  }
}

/** @param pem certificates, each in its own block @returns their keys with the certificates @throws Error for another text */
export function toKeySet(pem: string): ClientKeySet {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map((block) => new X509Certificate(block));
  return {
    keys: certificates.map(({ publicKey, raw, fingerprint256 }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid: fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 16),
      x5c: [raw.toString('base64')],
    })),
  };
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

/** What people read instead of the keys: `2026-11 (EC P-256), without kid (RSA)`. */
export function describeKeySet({ keys }: ClientKeySet): string {
  return keys
    .map(({ kid, kty, crv }) => `${kid ?? 'without kid'} (${[kty, crv].filter(Boolean).join(' ')})`)
    .join(', ');
}
