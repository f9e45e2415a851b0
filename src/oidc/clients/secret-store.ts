import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { secretStorageOf } from './auth-methods.ts';

/** A secret of an application. */
export interface ClientSecret {
  id: string;
  hash: string;
  /** Null, except for an authentication method that needs the secret itself. */
  sealed: string | null;
}

const SECRETS = 'T_oauth_client_secrets';

/** Where a sealed secret is stored. @param id of the secret's row */
export const placeOfSecret = (id: string) => ({ table: SECRETS, column: 'secret_sealed', id });

/** The two newest secrets of a client in one row. */
const SELECT_SECRETS = selectOne({
  columns: `a.id AS first_id, a.secret_hash AS first_hash, a.secret_sealed AS first_sealed,
    b.id AS second_id, b.secret_hash AS second_hash, b.secret_sealed AS second_sealed`,
  from: `${SECRETS} a
    LEFT JOIN ${SECRETS} b ON b.client_id = a.client_id AND b.id < a.id AND b.is_active = true`,
  where: sql`a.client_id = ${'id'} AND a.is_active = true`,
  orderBy: 'a.id DESC, b.id DESC',
});

/** @param id of the client's row @returns its secrets in use, at most two, the newest first */
export async function findSecrets(driver: Driver, id: string): Promise<ClientSecret[]> {
  const row = await driver.readOne(SELECT_SECRETS, { id });
  return ['first', 'second'].flatMap((place) => {
    const [secretId, hash, sealed] = ['id', 'hash', 'sealed'].map((member) => row?.[`${place}_${member}`]);
    if (typeof secretId !== 'string' || typeof hash !== 'string') return [];
    return [{ id: secretId, hash, sealed: typeof sealed === 'string' ? sealed : null }];
  });
}

/** @returns the secret; undefined when it is not sealed, or LATCHKEY_SECRETS no longer has the value that sealed it */
export function openSecret(secrets: Pick<Secrets, 'open'>, { id, sealed }: ClientSecret): string | undefined {
  try {
    return sealed === null ? undefined : secrets.open(sealed, placeOfSecret(id));
  } catch {
    return undefined;
  }
}

/**
 * @param client `id` of its row, and its authentication method
 * @returns the secret. Only its digest is stored, and for `client_secret_jwt` also the sealed secret
 */
export async function addSecret(
  trx: Knex.Transaction,
  secrets: Pick<Secrets, 'seal'>,
  client: { id: string; method: string },
  description: string,
): Promise<string> {
  const secret = randomToken();
  const id = uuidv7();
  await trx(SECRETS).insert({
    id,
    created_at: new Date(),
    client_id: client.id,
    secret_hash: digest(secret),
    secret_sealed:
      secretStorageOf(client.method) === 'sealed' ? secrets.seal(secret, placeOfSecret(id)) : null,
    description,
    is_active: true,
  });
  return secret;
}

/**
 * Disables every secret of a client, and deletes the sealed copies, which nothing needs any longer.
 * @param id of the client's row
 */
export async function disableSecrets(trx: Knex.Transaction, id: string): Promise<void> {
  await trx(SECRETS).where({ client_id: id }).update({ is_active: false, secret_sealed: null });
}

/** Disables every secret but the newest. @param id of the client's row */
export async function disableOlderSecrets(trx: Knex.Transaction, id: string): Promise<void> {
  const active = await trx(SECRETS)
    .where({ client_id: id, is_active: true })
    .orderBy('id', 'desc')
    .pluck('id');
  await trx(SECRETS).whereIn('id', active.slice(1)).update({ is_active: false, secret_sealed: null });
}
