import type { Knex } from 'knex';
import { type From, recordIn } from '../../audit/index.ts';
import type { Background } from '../../kit/background.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { inTransaction, isDuplicate } from '../../kit/transaction.ts';
import { endGiven } from '../accounts/end.ts';
import { letters } from '../mail/letters.ts';
import type { Post } from '../mail/post.ts';
import { NO_GUESSES } from '../passwords/guesses.ts';
import { forgetBrowsers } from '../passwords/known-browsers.ts';
import { type Bearer, lookAt, makeLink, makeNoLink, type Purpose, useLink, voidLinks } from './links.ts';

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
}

interface AccountRow {
  id: string;
  username: string;
  email: string | null;
  email_verified: boolean | number;
}

const over = () => new LatchkeyError('invalid_input', LINK_IS_OVER);

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
    from: From | undefined,
  ): Promise<string | undefined> {
    try {
      return await inTransaction(knex, async (trx) => {
        const token = await makeLink(trx, { accountId: account.id, purpose, email });
        await recordIn(trx, { action, accountId: account.id, actorId: null }, from);
        return token;
      });
    } catch (error) {
      if (isDuplicate(error)) return undefined;
      throw error;
    }
  }

  async function mailReset(email: string, from: From | undefined): Promise<void> {
    // A link to a new password is for those who have one.
    const account = await accountWhere({ email });
    const credential = account && (await knex('T_credentials').where({ account_id: account.id }).first('id'));
    if (!account || !credential) {
      const errorCode = 'unknown_address';
      await inTransaction(knex, async (trx) => {
        await makeNoLink(trx, 'reset');
        await recordIn(trx, { action: 'reset.requested', success: false, errorCode }, from);
      });
      return;
    }
    const token = await link(account, 'reset', email, 'reset.requested', from);
    // To the address as it is stored, never as it was typed.
    if (token)
      await post.deliver(letters.reset({ issuer, ...account, token }), email, { accountId: account.id });
  }

  async function mailVerification(account: AccountRow, from?: From): Promise<void> {
    if (account.email === null || account.email_verified) return;
    const token = await link(account, 'verify', account.email, 'email.verification_requested', from);
    if (token)
      await post.deliver(letters.verify({ issuer, ...account, token }), account.email, {
        accountId: account.id,
      });
  }

  async function mailChange(accountId: string, email: string, from: From | undefined): Promise<void> {
    const account = await accountWhere({ id: accountId });
    if (!account) return;
    if (account.email === email) return mailVerification(account, from);
    // Also where the address is taken, as much work and a mail as elsewhere; its link is then mailed to nobody.
    const token = await link(account, 'change', email, 'email.change_requested', from);
    if (!token) return;
    const taken = await knex('T_accounts').where({ email }).first('id');
    const about = { accountId };
    const letter = taken
      ? letters.known({ issuer })
      : letters.verify({ issuer, username: account.username, token });
    await Promise.all([
      post.deliver(letter, email, taken ? { accountId: taken.id } : about),
      account.email === null
        ? undefined
        : post.deliver(letters.changing({ issuer, username: account.username }), account.email, about),
    ]);
  }

  /** Makes the address the account's; the one before it is told. @returns that one */
  async function moveTo(trx: Knex.Transaction, { account_id: id, email }: Bearer): Promise<string | null> {
    const row = await trx('T_accounts').where({ id }).first('email');
    const before: string | null = row?.email ?? null;
    const moved = await trx('T_accounts')
      .where({ id, email: before })
      .update({ email, email_verified: true, updated_at: new Date() });
    if (moved !== 1) throw over();
    await trx('T_account_links').where({ account_id: id, purpose: 'reset' }).delete();
    return before;
  }

  return {
    /** Whether this server sends mail at all. */
    sendsMail: post.sends,

    /** Mails a link to a new password, if an account has that address. Says nothing and returns at once. */
    requestReset(email: string, from?: From): void {
      background.run('reset', () => mailReset(email, from));
    },

    /** Mails a link that confirms the account's address, unless it is confirmed. Returns at once. */
    requestVerification(accountId: string, from?: From): void {
      background.run('verify', async () => {
        const account = await accountWhere({ id: accountId });
        if (account) await mailVerification(account, from);
      });
    },

    /**
     * After a sign-up that gave an address: a link that confirms it; or, when another account has it and the new one
     * was made without, word to that one. To call once the account is committed; returns at once.
     */
    welcome(accountId: string, email: string, from?: From): void {
      background.run('welcome', async () => {
        const account = await accountWhere({ id: accountId });
        if (!account) return;
        if (account.email === email) return mailVerification(account, from);
        const owner = await accountWhere({ email });
        if (owner) await post.deliver(letters.known({ issuer }), email, { accountId: owner.id });
      });
    },

    /**
     * Asks for another address. The account keeps its own until the link that was mailed to the new one is used; the
     * one it has is told now, and again when it is replaced. Returns at once, whether the address is free or taken.
     * @param email in the form of `accounts/schema.ts`
     */
    changeEmail(accountId: string, email: string, from?: From): void {
      background.run('change', () => mailChange(accountId, email, from));
    },

    /** Whom a link to a new password is for; uses nothing up. */
    lookAtReset: (token: string) => lookAt(knex, token, ['reset']),

    /** Which account a link confirms an address of; uses nothing up. */
    lookAtVerify: (token: string) => lookAt(knex, token, ['verify', 'change']),

    /**
     * Sets a new password by a link: every session, token and other link of the account ends, a lock-out too, and the
     * address is confirmed, for its mailbox was read.
     * @param password checked by the caller
     * @throws LatchkeyError invalid_input when the link opens nothing
     */
    async reset(token: string, password: string, from?: From): Promise<void> {
      // Before the slow hash: made-up tokens cost no more than a look.
      if (!(await lookAt(knex, token, ['reset']))) throw over();
      const password_hash = await deps.hashPassword(password);
      await inTransaction(knex, async (trx) => {
        const used = await useLink(trx, token, ['reset']);
        if (!used) throw over();
        const { account_id: accountId, email } = used;
        const updated_at = new Date();
        await trx('T_credentials')
          .where({ account_id: accountId })
          .update({ password_hash, ...NO_GUESSES, updated_at });
        await trx('T_accounts').where({ id: accountId, email }).update({ email_verified: true });
        await endGiven(trx, accountId);
        await voidLinks(trx, accountId);
        await forgetBrowsers(trx, accountId);
        await recordIn(trx, { action: 'reset.done', accountId }, from);
      });
    },

    /**
     * Confirms an address by a link. @returns whose it now is
     * @throws LatchkeyError invalid_input when the link opens nothing, or the address went to another account meanwhile
     */
    async verify(token: string, from?: From): Promise<Bearer> {
      try {
        const { used, before } = await inTransaction(knex, async (trx) => {
          const used = await useLink(trx, token, ['verify', 'change']);
          if (!used) throw over();
          const { account_id: accountId, email, purpose } = used;
          const before = purpose === 'change' ? await moveTo(trx, used) : null;
          if (purpose === 'verify')
            await trx('T_accounts').where({ id: accountId, email }).update({ email_verified: true });
          const action = purpose === 'change' ? 'email.changed' : 'email.verified';
          await recordIn(trx, { action, accountId }, from);
          return { used, before };
        });
        if (before !== null) {
          const { account_id: accountId, username } = used;
          background.run('changed', () => post.deliver(letters.changed({ username }), before, { accountId }));
        }
        return used;
      } catch (error) {
        throw isDuplicate(error) ? over() : error;
      }
    },
  };
}

export type Recovery = ReturnType<typeof createRecovery>;
