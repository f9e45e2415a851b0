import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { invalidFields, LatchkeyError } from '../../kit/errors.ts';
import { endGiven } from '../accounts/sign-out-everywhere.ts';
import type { GivenPassword, Proof } from './authenticate.ts';
import type { Passwords } from './hashing.ts';
import { NO_GUESSES } from './lockout.ts';
import { isTooLong, type PasswordOwner } from './rules.ts';
import { touchBrowser } from './trusted-browsers.ts';

export interface PasswordChangeDeps {
  knex: Knex;
  passwords: Passwords;
  /** As at sign-in, with all that slows guessing there. */
  prove(given: GivenPassword): Promise<Proof | undefined>;
  /** Why a password may not be used, or undefined. */
  passwordFault(password: string, person: PasswordOwner): string | undefined;
}

export interface PasswordChange {
  accountId: string;
  /** The password as it is now. */
  current: string;
  password: string;
  /** The digest of what this browser keeps. */
  browserHash: string;
  /** The session that asks, which goes on. */
  sessionUid: string;
  from?: Origin;
}

function changedConcurrently(): LatchkeyError {
  const message = 'Your password was changed meanwhile. Nothing was done: try again.';
  return new LatchkeyError('conflict', 'own_password_changed_concurrently', message, {
    faults: { current: message },
  });
}

/** Changing one's own password, which ends everything else that was given in the account's name. */
export function createPasswordChange(deps: PasswordChangeDeps) {
  const { knex, passwords } = deps;

  function faultsOf({ current, password }: PasswordChange, person: PasswordOwner): Record<string, string> {
    const faults: Record<string, string> = {};
    if (current === '') faults.current = 'Enter the password that you have now';
    const fault =
      password === ''
        ? 'Enter a new password'
        : password === current
          ? 'Choose another password than the one you have now'
          : deps.passwordFault(password, person);
    if (fault !== undefined) faults.password = fault;
    return faults;
  }

  /**
   * Other sessions, sign-ins under way, codes, links and tokens, refresh tokens too, end in the same transaction.
   * @throws LatchkeyError invalid_input with a sentence for `current` or `password`; conflict when the password was
   *   changed meanwhile; whatever `prove` throws
   */
  return async (given: PasswordChange): Promise<void> => {
    const { accountId, current, browserHash } = given;
    const person = await knex('T_accounts')
      .where({ id: accountId, is_active: true })
      .first<PasswordOwner | undefined>('username', 'email', 'name');
    if (!person) throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
    // Before the guess is counted: whoever looks for a new password that will do is not guessing at the old one.
    const faults = faultsOf(given, person);
    if (Object.keys(faults).length > 0) throw invalidFields(faults);
    const { username } = person;
    const proof = isTooLong(current)
      ? undefined
      : await deps.prove({ username, password: current, browserHash });
    if (proof?.accountId !== accountId)
      throw invalidFields({ current: 'This is not the password that you have now' });
    const password_hash = await passwords.hash(given.password);
    await inTransaction(knex, async (trx) => {
      const changed = await trx('T_credentials')
        .where({ id: proof.credentialId, password_hash: proof.passwordHash })
        .update({ password_hash, ...NO_GUESSES, updated_at: new Date() });
      if (changed !== 1) throw changedConcurrently();
      await endGiven(trx, accountId, { session: given.sessionUid, browser: proof.browserId });
      await recordEventIn(
        trx,
        { action: 'password.changed', accountId, sessionUid: given.sessionUid },
        given.from,
      );
    });
    if (proof.browserId) touchBrowser(proof.browserId);
  };
}
