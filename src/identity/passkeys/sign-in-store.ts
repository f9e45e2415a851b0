import type { Knex } from 'knex';
import { sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest } from '../../kit/ids.ts';
import type { Authenticator } from './authenticator-names.ts';
import type { CredentialKind } from './store.ts';

const TABLE = 'T_webauthn_credentials';

/** A credential that can answer an authentication. */
export interface UsableCredential {
  id: string;
  account_id: string;
  key_id: string;
  kind: CredentialKind;
  public_key: string;
  authenticator: string;
}

/** A signed credential of an active account, by the credential ID that the browser sent. */
export function findUsableCredential(source: Knex, keyId: string): Promise<UsableCredential | undefined> {
  return source(`${TABLE} as k`)
    .join('T_accounts as a', 'a.id', 'k.account_id')
    .where({ 'k.key_id_hash': digest(keyId), 'a.is_active': true })
    .whereNull('k.deleted_at')
    .whereNotNull('k.signed_at')
    .first('k.id', 'k.account_id', 'k.key_id', 'k.kind', 'k.public_key', 'k.authenticator');
}

export interface CredentialUse {
  /** The signature counter that the authenticator sent. */
  counter: number;
  authenticator: Authenticator;
  ip?: string;
  at: Date;
}

const toColumns = ({ authenticator, ip, at }: CredentialUse) => ({
  authenticator: JSON.stringify(authenticator),
  last_used_at: at,
  last_used_ip: ip?.slice(0, 45) ?? null,
});

/**
 * Records the use of a credential whose signature counter went up, or that does not count. One statement decides: of
 * two answers with the same counter, at two servers, only one is recorded.
 * @returns whether it was recorded
 */
export async function recordCountedUse(source: Knex, id: string, use: CredentialUse): Promise<boolean> {
  const recorded = await source(TABLE)
    .where({ id })
    .whereNull('deleted_at')
    .where((either) => {
      either.where('sign_count', '<', use.counter);
      if (use.counter === 0) either.orWhere('sign_count', 0);
    })
    .update({ ...toColumns(use), sign_count: use.counter });
  return recorded === 1;
}

const KEEP_CREDENTIAL = update(TABLE, {
  set: ['deleted_at'],
  where: sql`id = ${'id'} AND deleted_at IS NULL`,
});

/** Makes the commit of the current request fail if the credential that it relies on is removed before. */
export function guardCredential(id: string): void {
  currentUnit().write({ statement: KEEP_CREDENTIAL, values: { id, deleted_at: null }, guard: 'credential' });
}

/** Records the use of a credential whose signature counter did not go up. @returns whether the credential is there */
export async function recordUncountedUse(source: Knex, id: string, use: CredentialUse): Promise<boolean> {
  return (await source(TABLE).where({ id }).whereNull('deleted_at').update(toColumns(use))) === 1;
}
