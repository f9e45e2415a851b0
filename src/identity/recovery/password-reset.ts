import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import type { Background } from '../../kit/background.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { endGiven } from '../accounts/sign-out-everywhere.ts';
import { letters } from '../mail/messages.ts';
import type { Post } from '../mail/send.ts';
import { NO_GUESSES } from '../passwords/lockout.ts';
import { type Bearer, lookAt, makeLink, makeNoLink, type Purpose, useLink } from './links.ts';

/** One sentence for every link that opens nothing: why is nobody's business. */
export const LINK_IS_OVER =
  'This link is good no more: it has expired, was used, or a newer one was sent. Nothing was changed, and nobody was signed in.';

export interface RecoveryDeps {
  knex: Knex;
  issuer: string;
  post: Post;
  background: Background;
  /** @returns what `password_hash` holds */
  hashPassword(password: string): Promise<string>;
  /** Whether the policy lets this account be opened by its mailbox alone, where it has no password. */
  mailOpens(accountId: string): Promise<boolean>;
}

interface AccountRow {
  id: string;
  username: string;
  email: string | null;
  email_verified: boolean | number;
}

export const linkExpired = () => new LatchkeyError('invalid_input', 'link_expired', LINK_IS_OVER);

/**
 * Ways back to an account, and the proof that an address is its owner's. What depends on whether an address is known
 * happens after the answer: neither its words nor its time can tell.
 */
export function createRecovery(deps: RecoveryDeps) {
  const { knex, issuer, post, background } = deps;

  const accountWhere = (where: Record<string, string>) =>
    knex('T_accounts')
      .where({ ...where, is_active: true })
      .first<AccountRow | undefined>('id', 'username', 'email', 'email_verified');

  /** @returns the token, or undefined when another request of the same moment makes the link */
  async function link(
    account: AccountRow,
    purpose: Purpose,
    email: string,
    action: string,
    from: Origin | undefined,
  ): Promise<string | undefined> {
    try {
      return await inTransaction(knex, async (trx) => {
        const token = await makeLink(trx, { accountId: account.id, purpose, email });
        await recordEventIn(trx, { action, accountId: account.id, actorId: null }, from);
        return token;
      });
    } catch (error) {
      if (isDuplicate(error)) return undefined;
      throw error;
    }
  }

  /** A new password for those who have one; a new passkey for the others, where the policy allows it. */
  async function wayBack({ id, email_verified }: AccountRow) {
    if (await knex('T_credentials').where({ account_id: id }).first('id'))
      return { purpose: 'reset_password', action: 'reset.requested', letter: letters.reset } as const;
    if (email_verified && (await deps.mailOpens(id)))
      return { purpose: 'recover_passkey', action: 'recovery_link.created', letter: letters.enrol } as const;
    return undefined;
  }

  async function mailReset(email: string, from: Origin | undefined): Promise<void> {
    const account = await accountWhere({ email });
    const way = account && (await wayBack(account));
    if (!account || !way) {
      const errorCode = 'unknown_address';
      await inTransaction(knex, async (trx) => {
        await makeNoLink(trx, 'reset_password');
        await recordEventIn(trx, { action: 'reset.requested', success: false, errorCode }, from);
      });
      return;
    }
    const token = await link(account, way.purpose, email, way.action, from);
    // To the address as it is stored, never as it was typed.
    if (token)
      await post.deliver(way.letter({ issuer, ...account, token }), email, { accountId: account.id });
  }

  /**
   * Also where the address is taken there is as much work, and a mail: its owner hears that they have an account, and
   * the link goes to nobody.
   */
  async function mailVerification(account: AccountRow, email: string, token: string): Promise<void> {
    const owner = await knex('T_accounts')
      .where({ email, email_verified: true })
      .whereNot({ id: account.id })
      .first('id');
    const letter = owner
      ? letters.known({ issuer })
      : letters.verify({ issuer, username: account.username, token });
    await post.deliver(letter, email, { accountId: owner?.id ?? account.id });
  }

  async function mailChange(account: AccountRow, email: string, token: string): Promise<void> {
    const { id: accountId, username } = account;
    const told = account.email === null || account.email === email ? undefined : account.email;
    await Promise.all([
      mailVerification(account, email, token),
      told && post.deliver(letters.changing({ issuer, username }), told, { accountId }),
    ]);
  }

  /**
   * Makes the address the account's, also where another one has it that never proved it.
   * @returns the one before it
   */
  async function moveTo(trx: Knex.Transaction, { account_id: id, email }: Bearer): Promise<string | null> {
    const row = await trx('T_accounts').where({ id }).first('email');
    const before: string | null = row?.email ?? null;
    await trx('T_accounts').where({ email, email_verified: false }).whereNot({ id }).update({ email: null });
    const moved = await trx('T_accounts')
      .where({ id, email: before })
      .update({ email, email_verified: true, updated_at: new Date() });
    if (moved !== 1) throw linkExpired();
    return before;
  }

  return {
    /** Whether this server sends mail at all. */
    sendsMail: post.sends,

    /** Mails a link back in, if an account has that address. Says nothing and returns at once. */
    requestReset(email: string, from?: Origin): void {
      background.run('reset', () => mailReset(email, from));
    },

    /**
     * Mails the link that a sign-up made for the address it gave. To call once the account is committed; returns at once.
     * @param token of that link
     */
    welcome(accountId: string, email: string, token: string): void {
      background.run('welcome', async () => {
        const account = await accountWhere({ id: accountId });
        if (account) await mailVerification(account, email, token);
      });
    },

    /**
     * Asks for another address. The account keeps its own until the link that was mailed to the new one is used; the
     * one it has is told now, and again when it is replaced. The link is there when this is done, so that a password
     * changed after it voids it; what depends on whether the address is taken comes after the answer.
     * @param email in the form of `accounts/schema.ts`
     */
    async changeEmail(accountId: string, email: string, from?: Origin): Promise<void> {
      const account = await accountWhere({ id: accountId });
      if (!account || (account.email === email && account.email_verified)) return;
      const token = await link(account, 'verify_email', email, 'email.change_requested', from);
      if (token) background.run('change', () => mailChange(account, email, token));
    },

    /** Whom a link to a new password is for; uses nothing up. */
    lookAtReset: (token: string) => lookAt(knex, token, 'reset_password'),

    /** For which account a link confirms an address; uses nothing up. */
    lookAtVerify: (token: string) => lookAt(knex, token, 'verify_email'),

    /**
     * Sets a new password by a link: every session, token and other link of the account ends, a lock-out too, and the
     * address is confirmed, for its mailbox was read.
     * @param password checked by the caller
     * @throws LatchkeyError invalid_input when the link opens nothing
     */
    async reset(token: string, password: string, from?: Origin): Promise<void> {
      // Before the slow hash: made-up tokens cost no more than a look.
      if (!(await lookAt(knex, token, 'reset_password'))) throw linkExpired();
      const password_hash = await deps.hashPassword(password);
      await inTransaction(knex, async (trx) => {
        const used = await useLink(trx, token, 'reset_password');
        if (!used) throw linkExpired();
        const { account_id: accountId, email } = used;
        const updated_at = new Date();
        await trx('T_credentials')
          .where({ account_id: accountId })
          .update({ password_hash, ...NO_GUESSES, updated_at });
        await trx('T_accounts').where({ id: accountId, email }).update({ email_verified: true });
        await endGiven(trx, accountId);
        await recordEventIn(trx, { action: 'reset.done', accountId }, from);
      });
    },

    /**
     * Confirms an address by a link. @returns whose it now is
     * @throws LatchkeyError invalid_input when the link opens nothing, or the address went to another account meanwhile
     */
    async verify(token: string, from?: Origin): Promise<Bearer> {
      try {
        const { used, before } = await inTransaction(knex, async (trx) => {
          const used = await useLink(trx, token, 'verify_email');
          if (!used) throw linkExpired();
          const { account_id: accountId, email } = used;
          const before = await moveTo(trx, used);
          const action = before === null || before === email ? 'email.verified' : 'email.changed';
          await recordEventIn(trx, { action, accountId }, from);
          return { used, before };
        });
        const { account_id: accountId, username, email } = used;
        if (before !== null && before !== email)
          background.run('changed', () => post.deliver(letters.changed({ username }), before, { accountId }));
        return used;
      } catch (error) {
        throw isDuplicate(error) ? linkExpired() : error;
      }
    },
  };
}

export type Recovery = ReturnType<typeof createRecovery>;
