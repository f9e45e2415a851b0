import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { invalidFields, LatchkeyError } from '../../kit/errors.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import type { PasswordOwner } from './rules.ts';
import { deletePassword, insertPassword, lockPassword } from './store.ts';

export interface PasswordAddRemoveDeps {
  knex: Knex;
  hash(password: string): Promise<string>;
  /** Why a password may not be set, in a sentence; undefined when it may. */
  fault(password: string, owner: PasswordOwner): string | undefined;
  findAccount(source: Knex, filter: { id: string; is_active: true }): Promise<PasswordOwner | undefined>;
  /** Locks the account. @throws LatchkeyError unauthenticated when the session has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
  signOutEverywhere(
    trx: Knex.Transaction,
    accountId: string,
    options: { except: { session: string } },
  ): Promise<void>;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'password_added' | 'password_removed'): void;
}

interface Owner {
  accountId: string;
  sessionUid: string;
  origin?: Origin;
}

const alreadySet = (cause?: unknown) =>
  new LatchkeyError(
    'conflict',
    'password_already_set',
    'Your account has a password already. Nothing was changed.',
    {
      cause,
    },
  );

/** Setting the first password of an account that signs in with passkeys, and removing the password of one that can do without. */
export function createPasswordAddRemove(deps: PasswordAddRemoveDeps) {
  const { knex } = deps;

  async function getOwner(source: Knex, accountId: string): Promise<PasswordOwner> {
    const owner = await deps.findAccount(source, { id: accountId, is_active: true });
    if (!owner) throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
    return owner;
  }

  return {
    /**
     * @throws LatchkeyError invalid_input with a sentence for `password`; conflict when the account has a password
     *   already; not_found when the account was deleted or disabled; unauthenticated when the session has ended
     */
    async add({ accountId, sessionUid, origin }: Owner, password: string): Promise<void> {
      const fault =
        password === '' ? 'Enter a password' : deps.fault(password, await getOwner(knex, accountId));
      if (fault !== undefined) throw invalidFields({ password: fault });
      const passwordHash = await deps.hash(password);
      try {
        await inTransaction(knex, async (trx) => {
          await deps.assertSignedIn(trx, accountId, { session: sessionUid });
          // As it is now that the account is locked: the username is kept beside the password.
          const { username } = await getOwner(trx, accountId);
          await insertPassword(trx, { accountId, username, passwordHash });
          await recordEventIn(trx, { action: 'password.added', accountId, sessionUid }, origin);
        });
      } catch (error) {
        throw isDuplicate(error) ? alreadySet(error) : error;
      }
      deps.notify(accountId, 'password_added');
    },

    /**
     * Removes the password if a passkey can sign in, and ends everything else that is signed in to the account: somebody may
     * have entered the password elsewhere.
     * @throws LatchkeyError conflict when no passkey can sign in, or there is no password; unauthenticated when the session
     *   has ended
     */
    async remove({ accountId, sessionUid, origin }: Owner): Promise<void> {
      await inTransaction(knex, async (trx) => {
        // In the order of a sign-in: first the password, then the account.
        await lockPassword(trx, accountId);
        await deps.assertSignedIn(trx, accountId, { session: sessionUid });
        if (!(await deletePassword(trx, accountId)))
          throw new LatchkeyError(
            'conflict',
            'password_needed',
            'Your password is the only way to sign in to your account. Add a passkey first. Nothing was changed.',
          );
        await deps.signOutEverywhere(trx, accountId, { except: { session: sessionUid } });
        await recordEventIn(trx, { action: 'password.removed', accountId, sessionUid }, origin);
      });
      deps.notify(accountId, 'password_removed');
    },
  };
}
