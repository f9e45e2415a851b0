import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { type Authenticator, nameOf } from './authenticator-names.ts';
import type { Kind, NewKey } from './registration.ts';
import { credentialNameField } from './schema.ts';

const TABLE = 'T_webauthn_credentials';

/** A key as its owner sees it. */
export interface Key extends Authenticator {
  id: string;
  key_id: string;
  kind: Kind;
  name: string;
  /** Whether it opens anything: vouched for by a key that does, or the first. */
  is_signed: boolean;
  created_at: string;
  last_used_at: string | null;
  last_used_ip: string | null;
}

/** What tells of it: a mail, once the change is committed. */
export type Told = 'key_added' | 'key_signed' | 'key_removed';

const iso = (value: unknown) => (value === null ? null : toDate(value).toISOString());

type KeyRow = Pick<Key, 'id' | 'key_id' | 'kind' | 'name' | 'last_used_ip'> & {
  authenticator: string;
  signed_at: unknown;
  created_at: unknown;
  last_used_at: unknown;
};

function toKey({ authenticator, ...row }: KeyRow): Key {
  return {
    id: row.id,
    key_id: row.key_id,
    kind: row.kind,
    name: row.name,
    ...(JSON.parse(authenticator) as Authenticator),
    is_signed: row.signed_at !== null,
    created_at: iso(row.created_at) as string,
    last_used_at: iso(row.last_used_at),
    last_used_ip: row.last_used_ip,
  };
}

const alive = (source: Knex, accountId: string) =>
  source(TABLE).where({ account_id: accountId }).whereNull('deleted_at');

/**
 * All that changes the keys of one account stands in line: what a statement then counts is what is there. Of two
 * that remove the last two keys at once, the second sees that it is the last.
 * @throws LatchkeyError not_found
 */
async function lockAccount(trx: Knex.Transaction, accountId: string): Promise<void> {
  const found = await trx('T_accounts')
    .where({ id: accountId, is_active: true })
    .update({ updated_at: new Date() });
  if (found !== 1) throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
}

const noKey = () =>
  new LatchkeyError(
    'not_found',
    'key_not_yours',
    'This key is not among yours any more. Nothing was changed.',
  );

/**
 * Adds a verified key in the transaction of a service. The first of an account is signed at once; a later one when
 * the person just came in by a signed key, which vouches for it.
 * @param signer that key's row, if any
 * @returns the row's id
 * @throws LatchkeyError conflict when this key is registered already, here or with another account
 */
export async function insertKey(
  trx: Knex.Transaction,
  given: {
    accountId: string;
    key: NewKey;
    names: Map<string, string>;
    signer?: string;
    /** By who let this person in without a key of theirs. */
    isVouched?: boolean;
    from?: Origin;
  },
): Promise<string> {
  const { accountId, key, signer, from } = given;
  const id = uuidv7();
  const now = new Date();
  const others = await alive(trx, accountId).whereNotNull('signed_at').select('id');
  const vouched = others.some((one) => one.id === signer);
  const isSigned = others.length === 0 || vouched || given.isVouched === true;
  const name = nameOf(key.authenticator, given.names);
  try {
    await trx(TABLE).insert({
      id,
      created_at: now,
      key_id: key.keyId,
      key_id_hash: digest(key.keyId),
      account_id: accountId,
      kind: key.kind,
      name,
      public_key: key.publicKey,
      attestation_type: key.attestationType,
      authenticator: JSON.stringify(key.authenticator),
      sign_count: key.signCount,
      challenge_id: key.challenge.id,
      signed_at: isSigned ? now : null,
      signed_by: vouched ? signer : null,
    });
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw new LatchkeyError(
      'conflict',
      'key_already_registered',
      'This key is registered already. Nothing was changed.',
      { cause: error },
    );
  }
  const details = { kind: key.kind, name, signed: isSigned };
  await recordEventIn(trx, { action: 'passkey.added', accountId, target: id, details }, from);
  return id;
}

export interface KeyDeps {
  knex: Knex;
  names: Map<string, string>;
  /** Tells the owner, once it is committed. */
  tell(accountId: string, what: Told, key: { name: string }): void;
}

/** The keys of people, and what they do with them; each change and its audit row in one transaction. */
export function createKeys(deps: KeyDeps) {
  const { knex, names, tell } = deps;

  async function get(source: Knex, accountId: string, id: string): Promise<Key> {
    const row = await alive(source, accountId).where({ id }).first();
    if (!row) throw noKey();
    return toKey(row);
  }

  return {
    /** Whose key that is. @throws LatchkeyError not_found */
    async ownerOf(id: string): Promise<string> {
      const row = await knex(TABLE).where({ id }).whereNull('deleted_at').first('account_id');
      if (!row) throw new LatchkeyError('not_found', 'key_not_found', `There is no key with the id ${id}.`);
      return row.account_id;
    },

    /** The oldest first. */
    async list(accountId: string): Promise<Key[]> {
      return (await alive(knex, accountId).orderBy('id')).map(toKey);
    },

    get: (accountId: string, id: string) => get(knex, accountId, id),

    /** Those that open something. */
    async signed(accountId: string): Promise<Key[]> {
      return (await alive(knex, accountId).whereNotNull('signed_at').orderBy('id')).map(toKey);
    },

    /**
     * The signed key by which this session came in: it was last used at that very second. When it was used elsewhere
     * since, it is not found, and vouching asks for it again.
     */
    async signerOf(accountId: string, at: Date): Promise<string | undefined> {
      const row = await alive(knex, accountId)
        .whereNotNull('signed_at')
        .where({ last_used_at: at })
        .first('id');
      return row?.id;
    },

    /** @throws LatchkeyError conflict when this key is registered already */
    async add(accountId: string, key: NewKey, signer: string | undefined, from?: Origin): Promise<Key> {
      const added = await inTransaction(knex, async (trx) => {
        await lockAccount(trx, accountId);
        return get(trx, accountId, await insertKey(trx, { accountId, key, names, signer, from }));
      });
      tell(accountId, 'key_added', added);
      return added;
    },

    /** @throws LatchkeyError invalid_input, not_found */
    async rename(accountId: string, id: string, given: string, from?: Origin): Promise<Key> {
      const name = credentialNameField.safeParse(given);
      if (!name.success)
        throw new LatchkeyError('invalid_input', 'key_name_invalid', name.error.issues[0]?.message ?? '');
      return inTransaction(knex, async (trx) => {
        const renamed = await alive(trx, accountId).where({ id }).update({ name: name.data });
        if (renamed !== 1) throw noKey();
        await recordEventIn(trx, { action: 'passkey.renamed', accountId, target: id }, from);
        return get(trx, accountId, id);
      });
    },

    /**
     * Vouches for a key by one that is signed and just answered.
     * @throws LatchkeyError conflict when it is signed already, not_found
     */
    async sign(accountId: string, id: string, signer: string, from?: Origin): Promise<Key> {
      const signed = await inTransaction(knex, async (trx) => {
        await lockAccount(trx, accountId);
        const by = await alive(trx, accountId).where({ id: signer }).whereNotNull('signed_at').first('id');
        if (!by) throw noKey();
        const done = await alive(trx, accountId)
          .where({ id })
          .whereNull('signed_at')
          .update({ signed_at: new Date(), signed_by: signer });
        const key = await get(trx, accountId, id);
        if (done !== 1)
          throw new LatchkeyError(
            'conflict',
            'key_already_signed',
            `${key.name} is vouched for already. Nothing was changed.`,
          );
        await recordEventIn(
          trx,
          { action: 'passkey.signed', accountId, target: id, details: { by: signer } },
          from,
        );
        return key;
      });
      tell(accountId, 'key_signed', signed);
      return signed;
    },

    /**
     * Dead for sign-in at once; the row stays for the audit.
     * @param by who does it; null is the operator of this server
     * @throws LatchkeyError not_found, conflict for the last way in
     */
    async remove(accountId: string, id: string, by: string | null, from?: Origin): Promise<Key> {
      const removed = await inTransaction(knex, async (trx) => {
        await lockAccount(trx, accountId);
        const key = await get(trx, accountId, id);
        const password = trx('T_credentials').where({ account_id: accountId }).select('id');
        const another = trx(`${TABLE} as o`)
          .where({ 'o.account_id': accountId, 'o.kind': 'passkey' })
          .whereNot('o.id', id)
          .whereNull('o.deleted_at')
          .whereNotNull('o.signed_at')
          .select('o.id');
        const done = await alive(trx, accountId)
          .where({ id })
          .where((allowed) => {
            allowed.whereNull('signed_at').orWhereExists(password);
            // MySQL reads from the table that it writes to only through a derived one.
            allowed.orWhereExists(trx.select('rest.id').from(another.as('rest')));
          })
          .update({ deleted_at: new Date() });
        if (done !== 1)
          throw new LatchkeyError(
            'conflict',
            'last_key',
            `${key.name} is the last key that lets you in. Add another one first. Nothing was changed.`,
          );
        const details = { kind: key.kind, name: key.name };
        await recordEventIn(
          trx,
          { action: 'passkey.removed', accountId, actorId: by, target: id, details },
          from,
        );
        return key;
      });
      tell(accountId, 'key_removed', removed);
      return removed;
    },
  };
}

export type Keys = ReturnType<typeof createKeys>;
