import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { endGiven } from '../accounts/sign-out-everywhere.ts';
import { normalise } from '../fields.ts';
import { insertKey } from '../passkeys/credentials.ts';
import type { NewKey } from '../passkeys/registration.ts';
import { type Bearer, lookAt, makeLink, useLink } from './links.ts';
import { linkExpired } from './password-reset.ts';

const MINUTES = 60;

/** For who has lost every key: an administrator gives a link, and the person picks the new one with it. */
export function createEnrolment(deps: {
  knex: Knex;
  issuer: string;
  names: Map<string, string>;
  /** Whether the policy lets a mailed link open this account. */
  mailOpens(accountId: string): Promise<boolean>;
  /** Mails the owner of the account. */
  notify(accountId: string, event: 'key_added'): void;
}) {
  const { knex } = deps;

  /** Whom a link is for; uses nothing up. The policy may be another one since it was mailed. */
  async function look(token: string): Promise<Bearer | undefined> {
    const bearer = await lookAt(knex, token, 'enrol_passkey', 'recover_passkey');
    const mailed = bearer?.purpose === 'recover_passkey';
    return mailed && !(await deps.mailOpens(bearer.account_id)) ? undefined : bearer;
  }

  return {
    /**
     * A link that takes the place of an earlier one.
     * @throws LatchkeyError not_found for an account that is not there, or disabled
     */
    async link(actor: Actor, username: string): Promise<{ url: string; expires_at: string }> {
      const account = await knex('T_accounts')
        .where({ username: normalise(username), is_active: true })
        .first('id', 'email');
      if (!account)
        throw new LatchkeyError(
          'not_found',
          'active_account_not_found',
          `There is no active account with the username ${username}.`,
        );
      const token = await inTransaction(knex, async (trx) => {
        const given = {
          accountId: account.id,
          purpose: 'enrol_passkey',
          email: account.email ?? '',
        } as const;
        const made = await makeLink(trx, given);
        const told = { actorId: actor.accountId, accountId: account.id };
        await recordEventIn(trx, { action: 'recovery_link.created', ...told });
        return made;
      });
      const expires_at = new Date(Date.now() + MINUTES * 60_000).toISOString();
      return { url: `${deps.issuer}/recover?token=${token}`, expires_at };
    },

    lookAt: look,

    /**
     * Uses the link up and adds the key that its bearer picked, signed, in one transaction.
     * @param given `endOthers`: whoever else is signed in as this person is so no more
     * @returns the account's id
     * @throws LatchkeyError invalid_input when the link opens nothing, conflict for a key that is registered already
     */
    async use(token: string, key: NewKey, given: { endOthers: boolean; from?: Origin }): Promise<string> {
      if (!(await look(token))) throw linkExpired();
      const owner = await inTransaction(knex, async (trx) => {
        const bearer = await useLink(trx, token, 'enrol_passkey', 'recover_passkey');
        if (!bearer || bearer.account_id !== key.challenge.accountId) throw linkExpired();
        const { account_id: accountId } = bearer;
        const { from, endOthers } = given;
        await insertKey(trx, { accountId, key, names: deps.names, from, isVouched: true });
        if (endOthers) await endGiven(trx, accountId);
        await recordEventIn(trx, { action: 'recovery_link.used', accountId, details: { endOthers } }, from);
        return accountId;
      });
      deps.notify(owner, 'key_added');
      return owner;
    },
  };
}

export type Enrolment = ReturnType<typeof createEnrolment>;
