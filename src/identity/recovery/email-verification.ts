import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import type { Background } from '../../kit/background.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import { messages } from '../mail/messages.ts';
import type { MailSender } from '../mail/send.ts';
import { issueLink } from './issue-link.ts';
import { consumeLink, createLink, findLink, type LinkOwner, linkExpired } from './links.ts';

interface Account {
  id: string;
  username: string;
  email: string | null;
  email_verified: boolean;
}

export interface EmailVerificationDeps {
  knex: Knex;
  issuer: string;
  mail: MailSender;
  background: Background;
  findAccount(
    source: Knex,
    filter: { id: string; is_active: true } | { email: string },
  ): Promise<Account | undefined>;
  hasPassword(source: Knex, accountId: string): Promise<boolean>;
  /** Mails the owner of the account, after the response. @param about `to`: the address, if it is not the account's */
  notify(accountId: string, event: 'email_change_requested' | 'email_changed', about?: { to?: string }): void;
  /** Locks the account's row until the transaction ends. */
  lockAccount(trx: Knex.Transaction, filter: { id: string }): Promise<boolean>;
  /** @throws LatchkeyError unauthenticated when the session has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
  /** Confirms the address, and takes it from an account that never did. Undefined when it changed concurrently. */
  replaceEmail(
    trx: Knex.Transaction,
    accountId: string,
    email: string,
  ): Promise<{ before: string | null } | undefined>;
}

const linkOfAnotherAccount = () =>
  new LatchkeyError(
    'forbidden',
    'link_of_another_account',
    'Sign in to the account that this link is for. Nothing was changed.',
  );

/** Proving with a mailed link that an e-mail address belongs to the owner of an account. */
export function createEmailVerification(deps: EmailVerificationDeps) {
  const { knex, issuer, mail, background } = deps;

  /**
   * Mails the link. If another account has confirmed the address, its owner gets a mail without the link, after the
   * same work: whoever entered the address learns nothing.
   */
  async function mailLink({ id, username }: Account, email: string, token: string): Promise<void> {
    const holder = await deps.findAccount(knex, { email });
    const owner = holder?.email_verified && holder.id !== id ? holder : undefined;
    const message = owner
      ? messages.addressKnown({ issuer })
      : messages.verifyEmail({ issuer, username, token });
    await mail.send(message, email, { accountId: owner?.id ?? id });
  }

  return {
    /** Creates the link for the address that was entered at sign-up. @returns its token */
    createVerificationLink: (trx: Knex.Transaction, accountId: string, email: string): Promise<string> =>
      createLink(trx, { accountId, purpose: 'verify_email', email }),

    /**
     * Mails that link. Call it once the account is committed. Returns at once.
     * @param token of that link
     */
    mailVerificationLink(accountId: string, email: string, token: string): void {
      background.runMail('welcome', async () => {
        const account = await deps.findAccount(knex, { id: accountId, is_active: true });
        if (account) await mailLink(account, email, token);
      });
    },

    /**
     * Requests another e-mail address. The account keeps its own until the mailed link is used; that one is notified
     * now, and again when it is replaced. The link exists when this resolves, so that a later change of the password
     * voids it. Whether the address is taken is looked up after the response.
     * @param email in its normal form
     * @param by the session of the user who requests it, which must not have ended
     */
    async requestEmailChange(
      accountId: string,
      email: string,
      by?: SignedInBy,
      origin?: Origin,
    ): Promise<void> {
      const account = await deps.findAccount(knex, { id: accountId, is_active: true });
      if (!account || (account.email === email && account.email_verified)) return;
      const link = { accountId, purpose: 'verify_email', email } as const;
      const event = { action: 'email.change_requested', accountId };
      const token = await issueLink(knex, link, event, origin, async (trx) => {
        if (by) await deps.assertSignedIn(trx, accountId, by);
      });
      if (!token) return;
      if (account.email !== null && account.email !== email) deps.notify(accountId, 'email_change_requested');
      background.runMail('change', () => mailLink(account, email, token));
    },

    /**
     * Does not use the link up.
     * @returns also whether the owner of the mailbox can set a password at /forgot, and so take the account over
     */
    async findVerificationLink(token: string): Promise<(LinkOwner & { canReset: boolean }) | undefined> {
      const link = await findLink(knex, token, 'verify_email');
      return (
        link && {
          ...link,
          canReset: link.isUnconfirmed && (await deps.hasPassword(knex, link.accountId)),
        }
      );
    },

    /**
     * Confirms an e-mail address with a link, also if another account has the address without having confirmed it. Both are
     * needed, the mailbox and a session of the account: otherwise the owner of a mailbox could confirm it for an account
     * that somebody else created with it.
     * @param accountId of the session
     * @returns the account that now has it
     * @throws LatchkeyError invalid_input when the link is not valid, or another account confirmed the address; forbidden
     *   when the link is for another account
     */
    async verifyEmail(token: string, accountId: string, origin?: Origin): Promise<LinkOwner> {
      try {
        const { link, before } = await inTransaction(knex, async (trx) => {
          // Otherwise the account could be taken over before the link is used up, and lose its address afterwards.
          await deps.lockAccount(trx, { id: accountId });
          const link = await consumeLink(trx, token, 'verify_email');
          if (link && link.accountId !== accountId) throw linkOfAnotherAccount();
          const replaced = link && (await deps.replaceEmail(trx, link.accountId, link.email));
          if (!replaced) throw linkExpired();
          const isChange = replaced.before !== null && replaced.before !== link.email;
          const action = isChange ? 'email.changed' : 'email.verified';
          await recordEventIn(trx, { action, accountId: link.accountId }, origin);
          return { link, before: isChange ? replaced.before : null };
        });
        if (before !== null) deps.notify(accountId, 'email_changed', { to: before });
        return link;
      } catch (error) {
        throw isDuplicate(error) ? linkExpired() : error;
      }
    },
  };
}
