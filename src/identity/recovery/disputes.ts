import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { randomToken } from '../../kit/ids.ts';
import { linkExpired } from './links.ts';
import { consumeNotice, findNotice, type Notice } from './not-me-links.ts';

export interface DisputesDeps {
  knex: Knex;
  hashPassword(password: string): Promise<string>;
  hasPassword(source: Knex, accountId: string): Promise<boolean>;
  /** Sets the password of an account that has one, and ends its lockout. */
  setPassword(trx: Knex.Transaction, accountId: string, passwordHash: string): Promise<void>;
  /** Locks the account's row until the transaction ends. */
  lockAccount(trx: Knex.Transaction, filter: { id: string }): Promise<boolean>;
  /** Lets a key sign in no longer until another one approves it, if there is another way in. @returns whether it was done */
  unsignCredential(trx: Knex.Transaction, accountId: string, id: string): Promise<boolean>;
  /** Whether a password or a passkey signs the account in. */
  canSignInHere(source: Knex, accountId: string): Promise<boolean>;
  /** Stops every connected account of another service from signing in. @returns how many could sign in before */
  endConnectionSignIns(trx: Knex.Transaction, accountId: string): Promise<number>;
  signOutEverywhere(trx: Knex.Transaction, accountId: string): Promise<void>;
  /** Keeps an account that is closing. @returns whether it was */
  stopClosing(trx: Knex.Transaction, accountId: string): Promise<boolean>;
}

/** What a dispute has done, for the page that follows. */
export interface Dispute {
  /** Whether the password no longer works, so that a new one has to be set by mail. */
  isPasswordEnded: boolean;
  /** Whether the key has to be approved again. */
  isKeyEnded: boolean;
  /** Whether accounts of other services sign in no longer. */
  isConnectionEnded: boolean;
}

/** "This was not me": the link in a mail about a change. What it can do and cannot do is in docs/decisions/0028. */
export function createDisputes(deps: DisputesDeps) {
  const { knex } = deps;

  return {
    /** Does not use the link up. */
    findNotice: (token: string): Promise<Notice | undefined> => findNotice(knex, token),

    /**
     * Signs the account out everywhere. If it still has the address that the mail went to, its password no longer works
     * until a new one is set by mail, a key that was added has to be approved again, and if a sign-in with another service was
     * added, no other service signs in. Nobody is signed in.
     * @throws LatchkeyError invalid_input when the link is not valid
     */
    async disputeChange(token: string, origin?: Origin): Promise<Dispute> {
      const found = await findNotice(knex, token);
      if (!found) throw linkExpired();
      const { accountId, keyId, isPresentAddress } = found;
      // Nobody knows this one. An account without a password gets none.
      const passwordHash = isPresentAddress ? await deps.hashPassword(randomToken()) : undefined;
      return inTransaction(knex, async (trx) => {
        // In the order of a sign-in: first the password, then the account.
        if (passwordHash !== undefined) await deps.setPassword(trx, accountId, passwordHash);
        await deps.lockAccount(trx, { id: accountId });
        const now = await findNotice(trx, token);
        // The address may have changed since, and with it what this mailbox may do.
        if (now?.isPresentAddress !== isPresentAddress || !(await consumeNotice(trx, token)))
          throw linkExpired();
        const isKeyEnded =
          isPresentAddress && keyId !== null && (await deps.unsignCredential(trx, accountId, keyId));
        const isConnectionEnded =
          isPresentAddress &&
          (await deps.canSignInHere(trx, accountId)) &&
          (await deps.endConnectionSignIns(trx, accountId)) > 0;
        const isPasswordEnded = isPresentAddress && (await deps.hasPassword(trx, accountId));
        await deps.signOutEverywhere(trx, accountId);
        if (found.event === 'account_closing') await deps.stopClosing(trx, accountId);
        const details = {
          event: found.event,
          password_ended: isPasswordEnded,
          key_ended: isKeyEnded,
          ...(isConnectionEnded && { connection_ended: true }),
        };
        await recordEventIn(trx, { action: 'change.disputed', accountId, actorId: null, details }, origin);
        return { isPasswordEnded, isKeyEnded, isConnectionEnded };
      });
    },
  };
}
