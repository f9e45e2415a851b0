import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { invalidFields, LatchkeyError } from '../../kit/errors.ts';
import type { PasswordAttempt, VerifiedPassword } from './authenticate.ts';
import { isTooLong, type PasswordOwner } from './rules.ts';
import { replacePassword } from './store.ts';
import { renewTrust } from './trusted-browsers.ts';

export interface PasswordChangeDeps {
  knex: Knex;
  hash(password: string): Promise<string>;
  /** Verifies a password as a sign-in does, with everything that slows guessing there. */
  verify(attempt: PasswordAttempt): Promise<VerifiedPassword | undefined>;
  /** Why a password may not be set, in a sentence; undefined when it may. */
  fault(password: string, owner: PasswordOwner): string | undefined;
  findAccount(source: Knex, filter: { id: string; is_active: true }): Promise<PasswordOwner | undefined>;
  /** Ends every session, code, token and link of the account, except for the session and browser of this request. */
  signOutEverywhere(
    trx: Knex.Transaction,
    accountId: string,
    options: { except: { session: string; browser: string | undefined } },
  ): Promise<void>;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'password_changed'): void;
}

export interface PasswordChange {
  accountId: string;
  /** The present password. */
  current: string;
  /** The new one. */
  password: string;
  /** The digest of the token in this browser's cookie. */
  browserHash: string;
  /** The session of this request, which continues. */
  sessionUid: string;
  origin?: Origin;
}

function changedConcurrently(): LatchkeyError {
  const message = 'Your password was changed by another request at the same time. Try again.';
  const faults = { current: message };
  return new LatchkeyError('conflict', 'own_password_changed_concurrently', message, { faults });
}

/** Changing one's own password. */
export function createPasswordChange(deps: PasswordChangeDeps) {
  const { knex } = deps;

  function newPasswordFault({ current, password }: PasswordChange, owner: PasswordOwner): string | undefined {
    if (password === '') return 'Enter a new password';
    if (password === current) return 'Choose a password that differs from your current one';
    return deps.fault(password, owner);
  }

  function faultsOf(input: PasswordChange, owner: PasswordOwner): Record<string, string> {
    const faults: Record<string, string> = {};
    if (input.current === '') faults.current = 'Enter your current password';
    const fault = newPasswordFault(input, owner);
    if (fault !== undefined) faults.password = fault;
    return faults;
  }

  /**
   * Sets a new password, and ends everything else that is signed in to the account in the same transaction.
   * @throws LatchkeyError invalid_input with a sentence for `current` or `password`; not_found when the account was
   *   deleted or disabled; conflict when the password was changed concurrently; whatever `verify` throws
   */
  return async (input: PasswordChange): Promise<void> => {
    const { accountId, current, browserHash, sessionUid } = input;
    const owner = await deps.findAccount(knex, { id: accountId, is_active: true });
    if (!owner) throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
    // Before the attempt is counted: people who try several new passwords are not guessing at the current one.
    const faults = faultsOf(input, owner);
    if (Object.keys(faults).length > 0) throw invalidFields(faults);
    const attempt = { username: owner.username, password: current, browserHash };
    const verified = isTooLong(current) ? undefined : await deps.verify(attempt);
    if (verified?.accountId !== accountId)
      throw invalidFields({ current: 'This is not your current password. Check it and try again' });
    const hashes = { before: verified.passwordHash, after: await deps.hash(input.password) };
    await inTransaction(knex, async (trx) => {
      if (!(await replacePassword(trx, verified.credentialId, hashes))) throw changedConcurrently();
      const except = { session: sessionUid, browser: verified.browserId };
      await deps.signOutEverywhere(trx, accountId, { except });
      await recordEventIn(trx, { action: 'password.changed', accountId, sessionUid }, input.origin);
    });
    deps.notify(accountId, 'password_changed');
    verified.release();
    if (verified.browserId) renewTrust(verified.browserId);
  };
}
