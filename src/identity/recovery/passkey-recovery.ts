import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { normalise } from '../fields.ts';
import type { NewCredential } from '../passkeys/registration.ts';
import { LINK_LIFETIMES_MS } from './link-lifetimes.ts';
import { consumeLink, createLink, findLink, type LinkOwner, linkExpired } from './links.ts';

const PURPOSES = ['enrol_passkey', 'recover_passkey', 'recovery_code'] as const;

export interface PasskeyRecoveryDeps {
  knex: Knex;
  issuer: string;
  findAccount(
    source: Knex,
    filter: { username: string; is_active: true },
  ): Promise<{ id: string; email: string | null } | undefined>;
  /** Adds a credential that is signed at once, because the link confirms it. */
  addCredential(
    trx: Knex.Transaction,
    added: { accountId: string; credential: NewCredential; isConfirmed: true; origin?: Origin },
  ): Promise<string>;
  /** Locks the account's row until the transaction ends. */
  lockAccount(trx: Knex.Transaction, filter: { id: string }): Promise<boolean>;
  signOutEverywhere(trx: Knex.Transaction, accountId: string): Promise<void>;
  /** Whether the policy lets a confirmed mailbox open this account. */
  allowsMailRecovery(accountId: string): Promise<boolean>;
  /** Codes that the owner saved. */
  recoveryCodes: {
    countUnused(accountId: string): Promise<number>;
    prepareConsume(
      guesser: { accountId: string; browserHash?: string },
      typed: string,
    ): Promise<(trx: Knex.Transaction) => Promise<boolean>>;
  };
  getKeyName(accountId: string, id: string): Promise<string>;
  /** Notifies the owner of the account. */
  notify(accountId: string, event: 'key_added', about: { key: { id: string; name: string } }): void;
}

/** The account of a recovery link, and what its owner must show besides. */
export interface RecoveryLinkOwner extends LinkOwner {
  /** A mailbox does not replace a second factor: while the account has recovery codes, one of them is needed too. */
  needsRecoveryCode: boolean;
}

/** The error for a user whose recovery code was wrong. */
export const recoveryCodeWrong = () =>
  new LatchkeyError(
    'unauthenticated',
    'recovery_code_wrong',
    'Enter one of your recovery codes. This one did not work. Nothing was changed.',
  );

/** Adding a passkey with a link, for people who have lost every key. */
export function createPasskeyRecovery(deps: PasskeyRecoveryDeps) {
  const { knex } = deps;

  /** Checks the policy again, because it may have changed since the link was mailed. */
  async function find(token: string): Promise<RecoveryLinkOwner | undefined> {
    const link = await findLink(knex, token, ...PURPOSES);
    if (!link) return undefined;
    const isMailed = link.purpose === 'recover_passkey';
    if (isMailed && !(await deps.allowsMailRecovery(link.accountId))) return undefined;
    const needsRecoveryCode = isMailed && (await deps.recoveryCodes.countUnused(link.accountId)) > 0;
    return { ...link, needsRecoveryCode };
  }

  return {
    /**
     * Creates a link, which replaces the account's earlier one, for an administrator to pass on.
     * @throws LatchkeyError not_found when there is no such account, or it is disabled
     */
    async createRecoveryLink(actor: Actor, name: string): Promise<{ url: string; expires_at: string }> {
      const username = normalise(name);
      const account = await deps.findAccount(knex, { username, is_active: true });
      if (!account)
        throw new LatchkeyError(
          'not_found',
          'active_account_not_found',
          `There is no active account with the username ${username}.`,
        );
      const { id: accountId, email } = account;
      const token = await inTransaction(knex, async (trx) => {
        const created = await createLink(trx, { accountId, purpose: 'enrol_passkey', email: email ?? '' });
        const event = { action: 'recovery_link.created', actorId: actor.accountId, accountId };
        await recordEventIn(trx, event);
        return created;
      });
      const expires_at = new Date(Date.now() + LINK_LIFETIMES_MS.enrol_passkey).toISOString();
      return { url: `${deps.issuer}/recover?token=${token}`, expires_at };
    },

    /** Does not use the link up. */
    findRecoveryLink: find,

    /**
     * Uses the link up and adds the passkey that its owner created, in one transaction.
     * @param options `endOthers`: ends every other session, token and link of the account; `recoveryCode`: as it was typed
     * @returns the account's id; undefined if a recovery code is needed and the code is wrong, or after too many attempts
     * @throws LatchkeyError invalid_input when the link is not valid; conflict when the passkey is registered already
     */
    async recoverWithPasskey(
      token: string,
      credential: NewCredential,
      options: { endOthers: boolean; recoveryCode?: string; browserHash?: string; origin?: Origin },
    ): Promise<string | undefined> {
      const found = await find(token);
      if (!found) throw linkExpired();
      const { endOthers, recoveryCode = '', browserHash, origin } = options;
      const guesser = { accountId: found.accountId, browserHash };
      const consumeCode = await deps.recoveryCodes.prepareConsume(guesser, recoveryCode);
      const owner = await inTransaction(knex, async (trx) => {
        // Otherwise the account could be taken over before the link is used up, and get the passkey afterwards.
        await deps.lockAccount(trx, { id: found.accountId });
        // Before the link, so that a wrong code is counted and does not use it up.
        if (found.needsRecoveryCode && !(await consumeCode(trx))) return undefined;
        const link = await consumeLink(trx, token, ...PURPOSES);
        if (!link || link.accountId !== credential.challenge.accountId) throw linkExpired();
        const { accountId } = link;
        const key = await deps.addCredential(trx, { accountId, credential, isConfirmed: true, origin });
        if (endOthers) await deps.signOutEverywhere(trx, accountId);
        await recordEventIn(trx, { action: 'recovery_link.used', accountId, details: { endOthers } }, origin);
        return { accountId, key };
      });
      if (!owner) return undefined;
      const { accountId, key: id } = owner;
      deps.notify(accountId, 'key_added', { key: { id, name: await deps.getKeyName(accountId, id) } });
      return accountId;
    },
  };
}
