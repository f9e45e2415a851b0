import { LatchkeyError } from '../../kit/errors.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { PrivateJwk, PublicJwk } from './generate.ts';
import { isAccepted, isPublished } from './rotation-times.ts';
import type { KeyRow } from './store.ts';

/** What a server does with the keys. */
export interface KeySet {
  /** The private keys that sign, one for each algorithm. */
  signing: PrivateJwk[];
  /** The public keys whose signatures this server accepts. */
  accepted: PublicJwk[];
  /** The public keys at `/jwks`, those that sign first. */
  published: PublicJwk[];
}

export const sealedAt = (id: string) => ({ table: 'T_signing_keys', column: 'private_jwk_sealed', id });

/** @throws LatchkeyError conflict when none of the configured secrets opens it */
export function openKey(secrets: Secrets, row: KeyRow): PrivateJwk {
  try {
    return JSON.parse(secrets.open(row.private_jwk_sealed, sealedAt(row.id)));
  } catch (cause) {
    throw new LatchkeyError(
      'conflict',
      'signing_key_unreadable',
      `The signing key ${row.kid} cannot be decrypted. Add the secret that encrypted it to LATCHKEY_SECRETS.`,
      { cause },
    );
  }
}

const ORDER = ['active', 'next', 'retired'];
const toPublic = (row: KeyRow): PublicJwk => JSON.parse(row.public_jwk);

/** @param open decrypts the private key of an active row; if it cannot, it returns the key that signed before */
export function toKeySet(rows: KeyRow[], now: Date, open: (active: KeyRow) => PrivateJwk): KeySet {
  const ordered = rows.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  return {
    signing: ordered.filter(({ status }) => status === 'active').map(open),
    accepted: ordered.filter(isAccepted).map(toPublic),
    published: ordered.filter((row) => isPublished(row, now)).map(toPublic),
  };
}

const names = ({ signing, accepted, published }: KeySet) =>
  JSON.stringify([signing, accepted, published].map((keys) => keys.map(({ kid }) => kid)));

export const isSameSet = (a: KeySet, b: KeySet) => names(a) === names(b);
