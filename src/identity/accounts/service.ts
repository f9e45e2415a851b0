import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { invalidFields } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { normalise } from '../fields.ts';
import { accountNotFound, type Profile, type Profiles } from './profile.ts';
import { type AccountInput, accountInput } from './schema.ts';
import type { SignOutEverywhere } from './sign-out-everywhere.ts';
import {
  type Account,
  deleteAccount,
  findAccount,
  insertAccount,
  listAccounts,
  lockAccount,
  setAccountActive,
  usernameTaken,
} from './store.ts';

export interface AccountServiceDeps extends Profiles {
  knex: Knex;
  passwords: {
    hash(password: string): Promise<string>;
    /** Why this password may not be set, in a sentence; undefined when it may. */
    fault(
      password: string,
      owner: { username: string; email: string | null; name: string | null },
    ): string | undefined;
  };
  insertPassword(
    trx: Knex.Transaction,
    password: { accountId: string; username: string; passwordHash: string },
  ): Promise<void>;
  signOutEverywhere: SignOutEverywhere;
}

/** What an operator does with accounts. Each change and its audit row are one transaction. */
export function createAccountService(deps: AccountServiceDeps) {
  const { knex, passwords } = deps;

  /** Runs a change of one account, with its row locked. @throws LatchkeyError not_found */
  function change(
    name: string,
    apply: (trx: Knex.Transaction, account: Account) => Promise<Account>,
  ): Promise<Account> {
    const username = normalise(name);
    return inTransaction(knex, async (trx) => {
      await lockAccount(trx, { username });
      const account = await findAccount(trx, { username });
      if (!account) throw accountNotFound(`the username ${username}`);
      return apply(trx, account);
    });
  }

  return {
    /** @throws LatchkeyError invalid_input; conflict when the username or e-mail address is taken */
    async create(actor: Actor, input: AccountInput): Promise<Account> {
      const { username, email = null, name = null, scope: scopes, password } = parse(accountInput, input);
      const fault = passwords.fault(password, { username, email, name });
      if (fault !== undefined) throw invalidFields({ password: fault }, fault);
      const passwordHash = await passwords.hash(password);
      try {
        return await inTransaction(knex, async (trx) => {
          const id = await insertAccount(trx, { username, email, name, scopes });
          await deps.insertPassword(trx, { accountId: id, username, passwordHash });
          await recordEventIn(trx, {
            action: 'account.created',
            actorId: actor.accountId,
            accountId: id,
            target: username,
          });
          return { id, username, email, email_verified: false, name, scopes, is_active: true };
        });
      } catch (error) {
        throw isDuplicate(error) ? usernameTaken(error) : error;
      }
    },

    list: (): Promise<Account[]> => listAccounts(knex),

    /** @throws LatchkeyError not_found */
    show: (username: string): Promise<Profile> => deps.getProfile(knex, { username: normalise(username) }),

    /** @throws LatchkeyError not_found */
    getProfile: (id: string): Promise<Profile> => deps.getProfile(knex, { id }),

    /** Also ends every session, code, token and grant of the account. @throws LatchkeyError not_found */
    disable: (actor: Actor, username: string): Promise<Account> =>
      change(username, async (trx, account) => {
        await setAccountActive(trx, account.id, false);
        await deps.signOutEverywhere(trx, account.id, { revokeGrants: true });
        await recordEventIn(trx, {
          action: 'account.disabled',
          actorId: actor.accountId,
          accountId: account.id,
          target: account.username,
        });
        return { ...account, is_active: false };
      }),

    /** @throws LatchkeyError not_found */
    enable: (actor: Actor, username: string): Promise<Account> =>
      change(username, async (trx, account) => {
        await setAccountActive(trx, account.id, true);
        await recordEventIn(trx, {
          action: 'account.enabled',
          actorId: actor.accountId,
          accountId: account.id,
          target: account.username,
        });
        return { ...account, is_active: true };
      }),

    /**
     * Deletes the account and everything that belongs to it. Audit rows stay, without a reference to the account.
     * @throws LatchkeyError not_found
     */
    delete: (actor: Actor, username: string): Promise<Account> =>
      change(username, async (trx, account) => {
        await deleteAccount(trx, account.id);
        await recordEventIn(trx, {
          action: 'account.deleted',
          actorId: actor.accountId,
          target: account.username,
          details: { id: account.id },
        });
        return account;
      }),
  };
}
