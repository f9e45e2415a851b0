import { generateKeyPair, hash } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

/** OpenID Connect Core requires every client to support RS256. The others are smaller and faster. */
const GENERATORS = {
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
};

export type Algorithm = keyof typeof GENERATORS;

export const ALGORITHMS = Object.keys(GENERATORS) as Algorithm[];

export type PublicJwk = Record<string, unknown> & { kid: string; alg: string; use: string };
/** A key with its private members. */
export type PrivateJwk = PublicJwk;

/** The key id: RFC 7638's digest of the required members, in their order. */
function thumbprint(jwk: Record<string, unknown>): string {
  const members =
    { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] }[String(jwk.kty)] ?? [];
  return hash(
    'sha256',
    JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]]))),
    'base64url',
  );
}

/**
 * Both halves of a new key as JSON Web Keys. Its id does not begin with a hyphen, or `latchkey signing-key retire KID`
 * would take it for an option.
 */
export async function generateKey(alg: Algorithm): Promise<{ publicJwk: PublicJwk; privateJwk: PrivateJwk }> {
  const { publicKey, privateKey } = await GENERATORS[alg]();
  const jwk = publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
  const kid = thumbprint(jwk);
  if (kid.startsWith('-')) return generateKey(alg);
  const members = { kid, alg, use: 'sig' };
  return {
    publicJwk: { ...jwk, ...members },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...members },
  };
}
