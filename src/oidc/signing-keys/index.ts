import { generateKeyPair, hash } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database } from '../../database/open.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';

const generate = promisify(generateKeyPair);

/** RS256 is what OpenID Connect Core obliges everybody to understand; the others are smaller and quicker. */
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

/** RFC 7638: the digest of the required members in their order. */
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
 * The keys that the engine signs with, sealed in T_signing_keys. Missing ones are made; `active_slot` is unique,
 * so that of two servers that start at once one makes the key and both use it.
 */
export function createSigningKeys(deps: { database: Database; secrets: Secrets }) {
  const { knex } = deps.database;
  const at = (id: string) => ({ table: 'T_signing_keys', column: 'private_jwk_sealed', id });

  async function make(alg: keyof typeof ALGORITHMS): Promise<void> {
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
      private_jwk_sealed: deps.secrets.seal(secret, at(id)),
      not_before: new Date(),
    };
    await knex('T_signing_keys').insert(row).onConflict('active_slot').ignore();
  }

  function open(row: KeyRow): PrivateJwk {
    try {
      return JSON.parse(deps.secrets.open(row.private_jwk_sealed, at(row.id)));
    } catch (cause) {
      const how = 'Set LATCHKEY_SECRETS to a ring that holds the key it was sealed with.';
      throw new LatchkeyError(
        'conflict',
        'signing_key_unreadable',
        `The signing key ${row.kid} does not open. ${how}`,
        { cause },
      );
    }
  }

  return {
    /** @returns every key that still signs or verifies, the active ones first @throws LatchkeyError when one does not open */
    async load(): Promise<PrivateJwk[]> {
      const read = () =>
        knex<KeyRow>('T_signing_keys').whereIn('status', ['active', 'next', 'retired']).orderBy('id');
      let rows = await read();
      const missing = Object.keys(ALGORITHMS).filter(
        (alg) => !rows.some((row) => row.alg === alg && row.status === 'active'),
      );
      for (const alg of missing) await make(alg as keyof typeof ALGORITHMS);
      if (missing.length > 0) rows = await read();
      const order = ['active', 'next', 'retired'];
      return rows.toSorted((a, b) => order.indexOf(a.status) - order.indexOf(b.status)).map(open);
    },
  };
}
