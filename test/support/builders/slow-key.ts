import { generatePrimeSync } from 'node:crypto';
import { importJWK } from 'jose';
import type { Key } from './client-assertions.ts';

/** A prime of 33 bits. */
const EXPONENT = 4_294_967_311n;

function inverse(value: bigint, modulus: bigint): bigint {
  let [rest, next, x, y] = [modulus, value % modulus, 0n, 1n];
  while (next !== 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}

function encode(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

/** An RSA key that works, and whose exponent is longer than any that is in use. */
export async function createSlowKey(kid: string): Promise<Key> {
  const [p, q] = [generatePrimeSync(1024, { bigint: true }), generatePrimeSync(1024, { bigint: true })];
  const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
  const members = { n: p * q, e: EXPONENT, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const encoded = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, encode(value)]));
  const { n = '', e = '' } = encoded;
  const privateKey = (await importJWK({ kty: 'RSA', ...encoded }, 'PS256')) as Key['privateKey'];
  return { kid, alg: 'PS256', privateKey, jwk: { kty: 'RSA', n, e, kid, alg: 'PS256' } };
}
