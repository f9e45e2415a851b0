import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { digest } from '../../kit/ids.ts';
import type { Authenticator } from './authenticator-names.ts';

const TABLE = 'T_webauthn_credentials';

/** `passkey`: signs in by itself, without a username. `security_key`: follows a password. */
export type CredentialKind = 'passkey' | 'security_key';

/** A passkey or security key, as its owner sees it. */
export interface Credential extends Authenticator {
  id: string;
  /** The credential ID of Web Authentication, base64url. */
  key_id: string;
  kind: CredentialKind;
  name: string;
  /** Whether it can be used to sign in: it is the account's first, or was confirmed with a key that can sign in. */
  is_signed: boolean;
  created_at: string;
  last_used_at: string | null;
  last_used_ip: string | null;
}

type Row = Pick<Credential, 'id' | 'key_id' | 'kind' | 'name' | 'last_used_ip'> & {
  authenticator: string;
  signed_at: unknown;
  created_at: unknown;
  last_used_at: unknown;
};

const toIso = (value: unknown) => (value === null ? null : toDate(value).toISOString());

function toCredential(row: Row): Credential {
  return {
    id: row.id,
    key_id: row.key_id,
    kind: row.kind,
    name: row.name,
    ...(JSON.parse(row.authenticator) as Authenticator),
    is_signed: row.signed_at !== null,
    created_at: toIso(row.created_at) as string,
    last_used_at: toIso(row.last_used_at),
    last_used_ip: row.last_used_ip,
  };
}

/** The credentials of an account. A removed one keeps its row for the audit, and is never found. */
const ownedBy = (source: Knex, accountId: string) =>
  source(TABLE).where({ account_id: accountId }).whereNull('deleted_at');

/** Oldest first. */
export async function listCredentials(source: Knex, accountId: string): Promise<Credential[]> {
  return (await ownedBy(source, accountId).orderBy('id')).map(toCredential);
}

/** Returns the credentials that can be used to sign in, oldest first. */
export async function listSignedCredentials(source: Knex, accountId: string): Promise<Credential[]> {
  return (await ownedBy(source, accountId).whereNotNull('signed_at').orderBy('id')).map(toCredential);
}

/** The kinds of the signed credentials, one entry for each. */
export function listSignedKinds(source: Knex, accountId: string): Promise<CredentialKind[]> {
  return ownedBy(source, accountId).whereNotNull('signed_at').pluck('kind');
}

export async function findCredential(
  source: Knex,
  accountId: string,
  id: string,
): Promise<Credential | undefined> {
  const row = await ownedBy(source, accountId).where({ id }).first();
  return row && toCredential(row);
}

/** The id of the account that a credential belongs to. */
export async function findOwner(source: Knex, id: string): Promise<string | undefined> {
  return (await source(TABLE).where({ id }).whereNull('deleted_at').first('account_id'))?.account_id;
}

/** The id of a signed credential whose last use was in exactly the second `at`. */
export async function findSignerUsedAt(
  source: Knex,
  accountId: string,
  at: Date,
): Promise<string | undefined> {
  const row = await ownedBy(source, accountId)
    .whereNotNull('signed_at')
    .where({ last_used_at: at })
    .first('id');
  return row?.id;
}

/** Removes every credential of an account, and ends the ceremonies that would add one. @returns how many there were */
export async function removeAllKeys(trx: Knex.Transaction, accountId: string): Promise<number> {
  await trx('T_webauthn_challenges').where({ account_id: accountId }).whereNull('consumed_at').update({
    consumed_at: new Date(),
  });
  return ownedBy(trx, accountId).update({ deleted_at: new Date() });
}

export interface NewCredentialRow {
  id: string;
  accountId: string;
  keyId: string;
  kind: CredentialKind;
  name: string;
  publicKey: string;
  attestationType: string;
  authenticator: Authenticator;
  signCount: number;
  challengeId: string;
  isSigned: boolean;
  signedBy: string | null;
}

/** @throws a unique violation when the credential is registered already, for this account or another */
export async function insertCredential(trx: Knex.Transaction, row: NewCredentialRow): Promise<void> {
  const now = new Date();
  await trx(TABLE).insert({
    id: row.id,
    created_at: now,
    key_id: row.keyId,
    key_id_hash: digest(row.keyId),
    account_id: row.accountId,
    kind: row.kind,
    name: row.name,
    public_key: row.publicKey,
    attestation_type: row.attestationType,
    authenticator: JSON.stringify(row.authenticator),
    sign_count: row.signCount,
    challenge_id: row.challengeId,
    signed_at: row.isSigned ? now : null,
    signed_by: row.signedBy,
  });
}

/** @returns whether the account has that credential */
export async function renameCredential(
  trx: Knex.Transaction,
  accountId: string,
  id: string,
  name: string,
): Promise<boolean> {
  return (await ownedBy(trx, accountId).where({ id }).update({ name })) === 1;
}

/** @returns whether the account has that credential, and it was not signed */
export async function signCredential(
  trx: Knex.Transaction,
  accountId: string,
  id: string,
  signerId: string,
): Promise<boolean> {
  const signed = await ownedBy(trx, accountId)
    .where({ id })
    .whereNull('signed_at')
    .update({ signed_at: new Date(), signed_by: signerId });
  return signed === 1;
}

/** The passkeys with which an account can be signed in to, but for one. */
function otherPasskeys(trx: Knex.Transaction, accountId: string, id: string): Knex.QueryBuilder {
  const others = trx(`${TABLE} as o`)
    .where({ 'o.account_id': accountId, 'o.kind': 'passkey' })
    .whereNot('o.id', id)
    .whereNull('o.deleted_at')
    .whereNotNull('o.signed_at')
    .select('o.id');
  // MySQL cannot read from the table of an UPDATE, except through a derived table.
  return trx.select('other.id').from(others.as('other'));
}

/**
 * Lets a signed credential sign in no longer until another one signs it again, if a password or another passkey can sign in.
 * The check and the change are one statement; the row of the account must be locked.
 * @returns whether it was done
 */
export async function unsignCredential(
  trx: Knex.Transaction,
  accountId: string,
  id: string,
): Promise<boolean> {
  const password = trx('T_credentials as c').where({ 'c.account_id': accountId }).select('c.id');
  const unsigned = await ownedBy(trx, accountId)
    .where({ id })
    .whereNotNull('signed_at')
    .where((other) => {
      other.whereExists(password).orWhereExists(otherPasskeys(trx, accountId, id));
    })
    .update({ signed_at: null, signed_by: null });
  return unsigned === 1;
}

/**
 * Removes a credential, except for the last one that can be used to sign in, unless the account has a password. The check and
 * the removal are one statement. The row of the account must be locked: whoever removes the password or another credential at
 * the same time locks it too.
 * @returns whether it was removed
 */
export async function removeCredential(
  trx: Knex.Transaction,
  accountId: string,
  id: string,
): Promise<boolean> {
  const password = trx('T_credentials as c').where({ 'c.account_id': accountId }).select('c.id');
  const removed = await ownedBy(trx, accountId)
    .where({ id })
    .where((allowed) => {
      allowed
        .whereNull('signed_at')
        .orWhereExists(password)
        .orWhereExists(otherPasskeys(trx, accountId, id));
    })
    .update({ deleted_at: new Date() });
  return removed === 1;
}
