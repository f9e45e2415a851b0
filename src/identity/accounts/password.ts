import type { Knex } from 'knex';
import { type From, recordIn } from '../../audit/index.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { inTransaction } from '../../kit/transaction.ts';
import type { Passwords } from '../passwords/index.ts';
import { endGiven } from './end.ts';

const LONGEST = 256;

export interface PasswordChangeDeps {
  knex: Knex;
  passwords: Passwords;
  /** As at sign-in, with all that slows guessing there. @returns the account's id, or undefined for any failure */
  verify(given: { username: string; password: string }): Promise<string | undefined>;
  /** Why a password may not be used, or undefined. */
  passwordFault(
    password: string,
    person: { username: string; email: string | null; name: string | null },
  ): string | undefined;
}

export interface PasswordChange {
  accountId: string;
  /** The password as it is now. */
  current: string;
  password: string;
  /** The session that asks, which goes on. */
  sessionUid: string;
  from?: From;
}

interface Person {
  username: string;
  email: string | null;
  name: string | null;
  credential_id: string;
  password_hash: string;
}

/** Changing one's own password, which ends everything else that was given in the account's name. */
export function createPasswordChange(deps: PasswordChangeDeps) {
  const { knex, passwords } = deps;

  async function faultsOf(given: PasswordChange, person: Person): Promise<Record<string, string>> {
    const { current, password } = given;
    const faults: Record<string, string> = {};
    if (current === '') faults.current = 'Enter the password that you have now';
    else {
      const usable = current.length <= LONGEST;
      const known = usable ? await deps.verify({ username: person.username, password: current }) : undefined;
      if (known !== given.accountId) faults.current = 'This is not the password that you have now';
    }
    if (password === '') faults.password = 'Enter a new password';
    else if (password.length > LONGEST) faults.password = `Use at most ${LONGEST} characters.`;
    else if (password === current) faults.password = 'Choose another password than the one you have now';
    else {
      const fault = deps.passwordFault(password, person);
      if (fault !== undefined) faults.password = fault;
    }
    return faults;
  }

  /**
   * Other sessions, sign-ins under way, codes and tokens, refresh tokens too, end in the same transaction.
   * @throws LatchkeyError invalid_input with a sentence for `current` or `password`; conflict when the password was
   *   changed meanwhile; whatever `verify` throws
   */
  return async (given: PasswordChange): Promise<void> => {
    const { accountId } = given;
    const person = await knex('T_credentials as c')
      .join('T_accounts as a', 'a.id', 'c.account_id')
      .where({ 'a.id': accountId, 'a.is_active': true })
      .first<Person | undefined>(
        'a.username',
        'a.email',
        'a.name',
        'c.id as credential_id',
        'c.password_hash',
      );
    if (!person) throw new LatchkeyError('conflict', 'This account has no password.');
    const faults = await faultsOf(given, person);
    const [fault] = Object.values(faults);
    if (fault !== undefined) throw new LatchkeyError('invalid_input', fault, undefined, faults);
    const password_hash = await passwords.hash(given.password);
    await inTransaction(knex, async (trx) => {
      const { credential_id: id, password_hash: before } = person;
      const changed = await trx('T_credentials')
        .where({ id, password_hash: before })
        .update({ password_hash, updated_at: new Date() });
      if (changed !== 1) {
        const sentence = 'Your password was changed meanwhile. Nothing was done: try again.';
        throw new LatchkeyError('conflict', sentence, undefined, { current: sentence });
      }
      await endGiven(trx, accountId, given.sessionUid);
      await recordIn(
        trx,
        { action: 'password.changed', accountId, sessionUid: given.sessionUid },
        given.from,
      );
    });
  };
}
