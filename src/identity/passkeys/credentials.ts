import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import { type AddCredentialDeps, type AddedCredential, addCredential } from './add-credential.ts';
import { credentialNameField } from './input.ts';
import type { Credential } from './store.ts';
import * as store from './store.ts';

/** What the owner is notified of. */
export type CredentialEvent = 'key_added' | 'key_signed' | 'key_removed';

export interface CredentialsDeps extends AddCredentialDeps {
  knex: Knex;
  /** Locks the account's row until the transaction ends. @returns whether there is one */
  lockAccount(trx: Knex.Transaction, filter: { id: string; is_active: true }): Promise<boolean>;
  /** @throws LatchkeyError unauthenticated when the session or sign-in has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
  /** Notifies the owner. Called once the change is committed. */
  notify(accountId: string, event: CredentialEvent, credential: { id: string; name: string }): void;
}

/** The page shows a list that is no longer true. */
const notYours = () =>
  new LatchkeyError(
    'not_found',
    'key_not_yours',
    'This key is no longer on your account. Nothing was changed.',
  );

/**
 * Whether people call it a security key: it is plugged in or held to a device, and not a part of one. It may sign in by
 * itself, as any passkey does, or follow a password.
 */
export const isSecurityKey = ({ kind, device_type, transports }: Credential): boolean =>
  kind === 'security_key' ||
  (device_type === 'singleDevice' && !transports.some((one) => one === 'internal' || one === 'hybrid'));

/** What owners do with their passkeys and security keys. Each change and its audit row are one transaction. */
export function createCredentials(deps: CredentialsDeps) {
  const { knex, notify } = deps;

  /**
   * Changes to the credentials of one account run one after the other, so that what a statement counts is current. Of
   * two requests that remove the last two credentials at once, the second sees that it would remove the last.
   * @throws LatchkeyError not_found when the account was deleted or disabled
   */
  async function lock(trx: Knex.Transaction, accountId: string): Promise<void> {
    if (await deps.lockAccount(trx, { id: accountId, is_active: true })) return;
    throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
  }

  async function get(source: Knex, accountId: string, id: string): Promise<Credential> {
    const credential = await store.findCredential(source, accountId, id);
    if (!credential) throw notYours();
    return credential;
  }

  return {
    /** Adds a verified credential within the caller's transaction. As `add`, but without locking and notifying. */
    addIn: (trx: Knex.Transaction, added: AddedCredential): Promise<string> =>
      addCredential(trx, deps, added),

    /** The id of the account that a credential belongs to. @throws LatchkeyError not_found */
    async getOwner(id: string): Promise<string> {
      const owner = await store.findOwner(knex, id);
      if (owner !== undefined) return owner;
      throw new LatchkeyError('not_found', 'key_not_found', `There is no key with the id ${id}.`);
    },

    /** Oldest first. */
    list: (accountId: string): Promise<Credential[]> => store.listCredentials(knex, accountId),

    /** Returns the credentials that can be used to sign in, oldest first. */
    listSigned: (accountId: string): Promise<Credential[]> => store.listSignedCredentials(knex, accountId),

    /** @throws LatchkeyError not_found */
    get: (accountId: string, id: string): Promise<Credential> => get(knex, accountId, id),

    /**
     * The signed credential with which a session signed in: it was last used at that very second.
     * @param at when the session signed in
     * @returns its id; undefined if it was used elsewhere since; then the user has to confirm the new credential with
     *   it
     */
    findSigner: (accountId: string, at: Date): Promise<string | undefined> =>
      store.findSignerUsedAt(knex, accountId, at),

    /** @throws LatchkeyError not_found, forbidden; conflict when the credential is registered already */
    async add(added: AddedCredential): Promise<Credential> {
      const { accountId } = added;
      const credential = await inTransaction(knex, async (trx) => {
        await lock(trx, accountId);
        if (added.by) await deps.assertSignedIn(trx, accountId, added.by);
        return get(trx, accountId, await addCredential(trx, deps, added));
      });
      notify(accountId, 'key_added', credential);
      return credential;
    },

    /** @throws LatchkeyError invalid_input, not_found */
    async rename(accountId: string, id: string, typed: string, origin?: Origin): Promise<Credential> {
      const name = parse(credentialNameField, typed);
      return inTransaction(knex, async (trx) => {
        if (!(await store.renameCredential(trx, accountId, id, name))) throw notYours();
        await recordEventIn(trx, { action: 'passkey.renamed', accountId, target: id }, origin);
        return get(trx, accountId, id);
      });
    },

    /**
     * Confirms a credential with a signed one that has just answered.
     * @throws LatchkeyError not_found; conflict when it is signed already
     */
    async sign(
      accountId: string,
      id: string,
      confirmedBy: { signerId: string; by?: SignedInBy },
      origin?: Origin,
    ): Promise<Credential> {
      const { signerId, by } = confirmedBy;
      const credential = await inTransaction(knex, async (trx) => {
        await lock(trx, accountId);
        if (by) await deps.assertSignedIn(trx, accountId, by);
        if (!(await get(trx, accountId, signerId)).is_signed) throw notYours();
        const isSigned = await store.signCredential(trx, accountId, id, signerId);
        const key = await get(trx, accountId, id);
        if (!isSigned)
          throw new LatchkeyError(
            'conflict',
            'key_already_signed',
            `${key.name} is already approved. Nothing was changed.`,
          );
        const details = { by: signerId };
        await recordEventIn(trx, { action: 'passkey.signed', accountId, target: id, details }, origin);
        return key;
      });
      notify(accountId, 'key_signed', credential);
      return credential;
    },

    /**
     * Removes a credential. It stops working at once; its row stays for the audit.
     * @param actorId the account that removes it; null for the operator
     * @throws LatchkeyError not_found; conflict when the user could not sign in without it
     */
    async remove(
      accountId: string,
      id: string,
      actorId: string | null,
      origin?: Origin,
    ): Promise<Credential> {
      const credential = await inTransaction(knex, async (trx) => {
        await lock(trx, accountId);
        const found = await get(trx, accountId, id);
        if (!(await store.removeCredential(trx, accountId, id)))
          throw new LatchkeyError(
            'conflict',
            'last_key',
            `${found.name} is the only key that can sign in to this account. Add another one first. Nothing was changed.`,
          );
        const details = { kind: found.kind, name: found.name };
        await recordEventIn(
          trx,
          { action: 'passkey.removed', accountId, actorId, target: id, details },
          origin,
        );
        return found;
      });
      notify(accountId, 'key_removed', credential);
      return credential;
    },
  };
}

export type Credentials = ReturnType<typeof createCredentials>;
