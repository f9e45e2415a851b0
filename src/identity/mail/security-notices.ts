import type { Knex } from 'knex';
import { type FactorEvent, letters } from './messages.ts';
import type { Post } from './send.ts';

/** Tells people what happened to their ways in; who has no address hears nothing. */
export function createFactorMail({ knex, issuer, post }: { knex: Knex; issuer: string; post: Post }) {
  /** @param name of the key, if it is one @throws LatchkeyError unavailable when the mail server did not take it */
  return async (accountId: string, what: FactorEvent, name = ''): Promise<void> => {
    const person = await knex('T_accounts').where({ id: accountId }).first('username', 'email');
    if (!person?.email) return;
    const letter = letters.factor({ issuer, username: person.username, what, name });
    await post.deliver(letter, person.email, { accountId });
  };
}
