import { generateKeyPair, hash } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database } from '../../database/open.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';

const generate = promisify(generateKeyPair);

/** OpenID Connect Core requires every client to support RS256. The others are smaller and faster. */
const ALGORITHMS = {
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
};

export type PrivateJwk = Record<string, unknown> & { kid: string; alg: string; use: string };

interface KeyRow {
  id: string;
  kid: string;
  alg: string;
  status: 'next' | 'active' | 'retired';
  private_jwk_sealed: string;
}

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
 * The keys with which the engine signs. Missing ones are created. `active_slot` is unique, so when two servers start
 * at once, one stores its key and both use that one.
 */
export function createSigningKeys(deps: { database: Database; secrets: Secrets }) {
  const { knex } = deps.database;
  const place = (id: string) => ({ table: 'T_signing_keys', column: 'private_jwk_sealed', id });

  async function createKey(alg: keyof typeof ALGORITHMS): Promise<void> {
    const { publicKey, privateKey } = await ALGORITHMS[alg]();
    const jwk = publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
    const kid = thumbprint(jwk);
    const id = uuidv7();
    const secret = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
    const row = {
      id,
      created_at: new Date(),
      kid,
      alg,
      status: 'active',
      active_slot: alg,
      public_jwk: JSON.stringify({ ...jwk, kid, alg, use: 'sig' }),
      private_jwk_sealed: deps.secrets.seal(secret, place(id)),
      not_before: new Date(),
    };
    await knex('T_signing_keys').insert(row).onConflict('active_slot').ignore();
  }

  function openKey(row: KeyRow): PrivateJwk {
    try {
      return JSON.parse(deps.secrets.open(row.private_jwk_sealed, place(row.id)));
    } catch (cause) {
      throw new LatchkeyError(
        'conflict',
        'signing_key_unreadable',
        `The signing key ${row.kid} cannot be decrypted. Add the secret that encrypted it to LATCHKEY_SECRETS.`,
        { cause },
      );
    }
  }

  return {
    /**
     * @returns every key that signs or that clients may still verify with, the active ones first
     * @throws LatchkeyError conflict when a key cannot be decrypted
     */
    async load(): Promise<PrivateJwk[]> {
      const read = () =>
        knex<KeyRow>('T_signing_keys').whereIn('status', ['active', 'next', 'retired']).orderBy('id');
      let rows = await read();
      const missing = Object.keys(ALGORITHMS).filter(
        (alg) => !rows.some((row) => row.alg === alg && row.status === 'active'),
      );
      for (const alg of missing) await createKey(alg as keyof typeof ALGORITHMS);
      if (missing.length > 0) rows = await read();
      const order = ['active', 'next', 'retired'];
      return rows.toSorted((a, b) => order.indexOf(a.status) - order.indexOf(b.status)).map(openKey);
    },
  };
}
