import type { Knex } from 'knex';
import { recordEvent, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { invalidFields } from '../../kit/errors.ts';
import { normalise } from '../fields.ts';
import { deleteDue, keepAccount, listDue, reserveClosedUsernames, startClosing } from './closing-store.ts';
import { keepAdministrator } from './last-administrator.ts';
import { assertSignedIn, type SignOutEverywhere } from './sign-out-everywhere.ts';
import { findAccount, lockAccount } from './store.ts';

export interface ClosingDeps {
  knex: Knex;
  signOutEverywhere: SignOutEverywhere;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'account_closing' | 'account_kept'): void;
  /**
   * Deletes the connections of an account to other services, and destroys their credentials.
   * @returns what revokes them there: called once the account is deleted
   */
  removeAllConnections(trx: Knex.Transaction, accountId: string): Promise<{ revoke(): void }>;
  /** Compares this clock with the database's. @returns a sentence if they differ */
  findClockFault(): Promise<string | undefined>;
}

const CLOSING_DAYS = 7;
const DAY_MS = 86_400_000;
/** How many accounts one run of the job deletes, each in a separate transaction. */
const MAX_DELETED_AT_ONCE = 20;

/** Thrown inside the transaction, to roll it back: the owner has come back. */
const KEPT = new Error('The account is no longer due.');

/** Closing an account: it ends at once, its owner can come back for seven days, and then it is deleted. */
export function createClosing(deps: ClosingDeps) {
  const { knex, signOutEverywhere, notify, findClockFault } = deps;

  async function deleteOne(accountId: string): Promise<boolean> {
    try {
      const { revoke } = await inTransaction(knex, async (trx) => {
        // Another server may be deleting it: its username would be reserved twice.
        if (!(await lockAccount(trx, { id: accountId }))) throw KEPT;
        const account = await findAccount(trx, { id: accountId });
        await reserveClosedUsernames(trx, accountId);
        const connections = await deps.removeAllConnections(trx, accountId);
        if (!(await deleteDue(trx, accountId))) throw KEPT;
        const details = { id: accountId, closed_by_owner: true };
        await recordEventIn(trx, {
          action: 'account.deleted',
          actorId: null,
          target: account?.username,
          details,
        });
        return connections;
      });
      revoke();
      return true;
    } catch (error) {
      if (error === KEPT) return false;
      throw error;
    }
  }

  return {
    /** @throws LatchkeyError invalid_input with a sentence for `confirm`, unless that is the username */
    checkConfirmation(username: string, confirm: string): void {
      if (normalise(confirm) === username) return;
      throw invalidFields({ confirm: `To confirm, enter your username: ${username}` });
    },

    /**
     * Ends every session, token, grant and consent of the account, and has it deleted in seven days.
     * @returns when it is deleted
     * @throws LatchkeyError forbidden for the last administrator; unauthenticated when the session has ended, or the account
     *   is closing already
     */
    async close(owner: { accountId: string; sessionUid: string; origin: Origin }): Promise<Date> {
      const { accountId, sessionUid, origin } = owner;
      const closingAt = new Date(Date.now() + CLOSING_DAYS * DAY_MS);
      await inTransaction(knex, (trx) =>
        keepAdministrator(trx, owner, [{ id: accountId }], async () => {
          await assertSignedIn(trx, accountId, { session: sessionUid });
          await startClosing(trx, accountId, closingAt);
          await signOutEverywhere(trx, accountId);
          const details = { closing_at: closingAt.toISOString() };
          await recordEventIn(trx, { action: 'account.closing', accountId, sessionUid, details }, origin);
        }),
      );
      notify(accountId, 'account_closing');
      return closingAt;
    },

    /** Keeps the account of a user who signs in while it is closing, in the commit of the current request. */
    async cancelClosing(accountId: string): Promise<void> {
      if (!(await keepAccount(accountId))) return;
      recordEvent({ action: 'account.kept', accountId });
      notify(accountId, 'account_kept');
    },

    /** The job that deletes accounts whose time is over. Safe at several servers at once. @returns how many it deleted */
    async deleteClosed(): Promise<number> {
      const due = await listDue(knex, MAX_DELETED_AT_ONCE);
      // A server whose clock is days ahead would take away the time to come back.
      if (due.length === 0 || (await findClockFault()) !== undefined) return 0;
      let deleted = 0;
      for (const id of due) if (await deleteOne(id)) deleted += 1;
      return deleted;
    },
  };
}
