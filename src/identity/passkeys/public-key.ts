import { type AsymmetricKeyDetails, createPublicKey, type JsonWebKey } from 'node:crypto';
import { cose, decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
import { rsaFault } from '../../kit/public-keys.ts';
import { CeremonyRefusal } from './ceremony-response.ts';

/** ES256, EdDSA and RS256 by their numbers in the COSE Algorithms registry, the preferred first. */
export const ALGORITHMS = [-7, -8, -257];

/** Ed25519 points of small order. With one of them as public key, anybody can make a valid signature (RFC 7748 section 7). */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

const text = (value: unknown) => Buffer.from(value as Uint8Array).toString('base64url');

function toJwk(key: Map<number, unknown>): JsonWebKey | undefined {
  const { kty, alg, crv, x, y, n, e } = cose.COSEKEYS;
  const kind = `${key.get(alg)} ${key.get(kty)} ${key.get(crv)}`;
  if (kind === '-7 2 1') return { kty: 'EC', crv: 'P-256', x: text(key.get(x)), y: text(key.get(y)) };
  if (kind === '-8 1 6') return { kty: 'OKP', crv: 'Ed25519', x: text(key.get(x)) };
  // COSE uses label -1 for both crv and n, and -2 for both x and e. So the key type decides which is meant.
  if (key.get(alg) === -257 && key.get(kty) === 3)
    return { kty: 'RSA', n: text(key.get(n)), e: text(key.get(e)) };
  return undefined;
}

/**
 * Rejects public keys for which anybody can make a signature. The library does not check them, and with attestation
 * `none` the new key has not signed anything yet.
 * @param encoded COSE_Key (RFC 9052 section 7)
 * @throws CeremonyRefusal for an algorithm that was not offered, a point that is not on its curve or is of small order,
 *   or an RSA key that is too short or too long, or has another exponent than 65537
 */
export function checkPublicKey(encoded: Uint8Array<ArrayBuffer>): void {
  const jwk = toJwk(decodeCredentialPublicKey(encoded) as unknown as Map<number, unknown>);
  if (!jwk) throw new CeremonyRefusal('algorithm');
  let details: AsymmetricKeyDetails | undefined;
  try {
    details = createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails;
  } catch (error) {
    throw new CeremonyRefusal('public_key', error);
  }
  if (jwk.kty === 'RSA') {
    const { publicExponent, ...rest } = details ?? {};
    if (publicExponent !== 65_537n || rsaFault({ publicExponent, ...rest }) !== undefined)
      throw new CeremonyRefusal('public_key');
  }
  if (jwk.kty !== 'OKP') return;
  const point = Buffer.from(jwk.x ?? '', 'base64url');
  if (point.length !== 32) throw new CeremonyRefusal('public_key');
  // The highest bit is the sign of x, which does not change the order.
  point.writeUInt8(point.readUInt8(31) & 0x7f, 31);
  if (SMALL_ORDER.has(point.toString('hex'))) throw new CeremonyRefusal('public_key');
}
