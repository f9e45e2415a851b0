import { X509Certificate } from 'node:crypto';

/** A JWK Set (RFC 7517 section 5) with the public keys of an application. */
export interface ClientKeySet {
  keys: Record<string, unknown>[];
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

/** What people read instead of the keys: `2026-11 (EC P-256), without kid (RSA)`. */
export function describeKeySet({ keys }: ClientKeySet): string {
  return keys
    .map(({ kid, kty, crv }) => `${kid ?? 'without kid'} (${[kty, crv].filter(Boolean).join(' ')})`)
    .join(', ');
}
