import type { Knex } from 'knex';
import { createEventLimit, FAILURES_PER_HOUR } from '../../audit/event-limit.ts';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import type { Background } from '../../kit/background.ts';
import { messages } from '../mail/messages.ts';
import type { MailSender } from '../mail/send.ts';
import type { EndEarlierCredentials } from './earlier-credentials.ts';
import { issueLink } from './issue-link.ts';
import { consumeLink, findLink, type LinkOwner, linkExpired, pretendToCreateLink } from './links.ts';

interface Account {
  id: string;
  username: string;
  email_verified: boolean;
}

export interface PasswordResetDeps {
  knex: Knex;
  issuer: string;
  mail: MailSender;
  background: Background;
  findAccount(source: Knex, filter: { email: string; is_active: true }): Promise<Account | undefined>;
  /** The accounts that were created with an address which no account has confirmed. */
  listAccountsAwaiting(source: Knex, email: string): Promise<Account[]>;
  /** @returns whether nobody had confirmed the address before */
  confirmEmail(trx: Knex.Transaction, accountId: string, email: string): Promise<boolean>;
  /** @returns whether the account was waiting for the address @throws a unique violation when another one confirmed it */
  confirmRequestedEmail(trx: Knex.Transaction, accountId: string, email: string): Promise<boolean>;
  hashPassword(password: string): Promise<string>;
  hasPassword(source: Knex, accountId: string): Promise<boolean>;
  /** Sets the password and ends its lockout. */
  setPassword(trx: Knex.Transaction, accountId: string, passwordHash: string): Promise<void>;
  /** Locks the account's row until the transaction ends. */
  lockAccount(trx: Knex.Transaction, filter: { id: string }): Promise<boolean>;
  signOutEverywhere(trx: Knex.Transaction, accountId: string): Promise<void>;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'password_reset'): void;
  /** Ends everything of an account that was set up before anybody had shown its mailbox. */
  endEarlierCredentials: EndEarlierCredentials;
  /** Whether the policy lets a confirmed mailbox open this account, which has no password. */
  allowsMailRecovery(accountId: string): Promise<boolean>;
}

/** Setting a forgotten password with a mailed link. */
export function createPasswordReset(deps: PasswordResetDeps) {
  const { knex, issuer } = deps;
  const limit = createEventLimit(FAILURES_PER_HOUR);

  /** The way back to an account: a new password if it has one, else a new passkey if the policy allows it. */
  async function findRecoveryWay({ id, email_verified }: Account) {
    if (await deps.hasPassword(knex, id))
      return {
        purpose: 'reset_password',
        action: 'reset.requested',
        message: email_verified ? messages.resetPassword : messages.takeOver,
      } as const;
    if (email_verified && (await deps.allowsMailRecovery(id)))
      return {
        purpose: 'recover_passkey',
        action: 'recovery_link.created',
        message: messages.recoverPasskey,
      } as const;
    return undefined;
  }

  async function recordUnknownAddress(origin: Origin | undefined): Promise<void> {
    await inTransaction(knex, async (trx) => {
      await pretendToCreateLink(trx, 'reset_password');
      const event = { action: 'reset.requested', success: false, errorCode: 'unknown_address' };
      const addition = limit(event);
      if (addition) await recordEventIn(trx, { ...event, ...addition }, origin);
    });
  }

  /**
   * @param isWaiting whether the account only waits for the address. Its page of activity then has nothing about the link:
   *   accounts that wait for the address of another account get none, and would learn so that somebody has it
   * @returns whether there is a way back to the account
   */
  async function mailLinkTo(
    account: Account,
    email: string,
    isWaiting: boolean,
    origin: Origin | undefined,
  ): Promise<boolean> {
    const way = await findRecoveryWay(account);
    if (!way) return false;
    const { id: accountId, username } = account;
    const link = { accountId, purpose: way.purpose, email };
    const about = isWaiting ? { accountId: null, target: accountId } : { accountId };
    const token = await issueLink(knex, link, { action: way.action, ...about }, origin);
    if (token) await deps.mail.send(way.message({ issuer, username, token }), email, { accountId });
    return true;
  }

  async function mailLinks(email: string, origin: Origin | undefined): Promise<void> {
    const owner = await deps.findAccount(knex, { email, is_active: true });
    let isMailed = false;
    for (const account of owner ? [owner] : await deps.listAccountsAwaiting(knex, email))
      if (await mailLinkTo(account, email, !owner, origin)) isMailed = true;
    if (!isMailed) await recordUnknownAddress(origin);
  }

  return {
    /**
     * Mails a link if an account has that address, or was created with it. Returns at once and does the work after the response, so that
     * neither its content nor its duration reveals whether there is one.
     * @param email in its normal form
     */
    requestReset(email: string, origin?: Origin): void {
      deps.background.runMail('reset', () => mailLinks(email, origin));
    },

    /** Does not use the link up. */
    findResetLink: (token: string): Promise<LinkOwner | undefined> => findLink(knex, token, 'reset_password'),

    /**
     * Sets a new password with a link. Also ends a lockout, and every session, token and other link of the account, and
     * confirms the e-mail address, because its mailbox was read. If nobody had confirmed it before, somebody else may have
     * created the account with this address: everything that was set up on it until now ends.
     * @param password checked by the caller
     * @throws LatchkeyError invalid_input when the link is not valid, or another account confirmed the address
     */
    async resetPassword(token: string, password: string, origin?: Origin): Promise<void> {
      // Before the slow hash, so that an invented token costs only a read.
      const found = await findLink(knex, token, 'reset_password');
      if (!found) throw linkExpired();
      const passwordHash = await deps.hashPassword(password);
      const reset = async (trx: Knex.Transaction) => {
        // First: a sign-in with the old password that is committed before this point is ended below.
        await deps.setPassword(trx, found.accountId, passwordHash);
        // Until the link is used up, the account could get another address, which this mailbox does not show.
        await deps.lockAccount(trx, { id: found.accountId });
        const link = await consumeLink(trx, token, 'reset_password');
        if (!link) throw linkExpired();
        const { accountId, email } = link;
        const isFirst =
          (await deps.confirmEmail(trx, accountId, email)) ||
          (await deps.confirmRequestedEmail(trx, accountId, email));
        const ended = isFirst ? await deps.endEarlierCredentials(trx, accountId, origin) : undefined;
        if (!ended) await deps.signOutEverywhere(trx, accountId);
        await recordEventIn(trx, { action: 'reset.done', accountId }, origin);
        return ended;
      };
      try {
        const ended = await inTransaction(knex, reset);
        ended?.revoke();
      } catch (error) {
        throw isDuplicate(error) ? linkExpired() : error;
      }
      deps.notify(found.accountId, 'password_reset');
    },
  };
}
