import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { invalidFields } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { normalise } from '../fields.ts';
import type { Passwords } from '../passwords/hashing.ts';
import type { PasswordRules } from '../passwords/rules.ts';
import { ACCOUNT_COLUMNS, type Account, type AccountRow, toAccount } from './model.ts';
import { accountNotFound, type Profile, profileOf } from './profile.ts';
import { type AccountInput, accountInput } from './schema.ts';
import { endAll } from './sign-out-everywhere.ts';
import { insertAccount, takenUsername } from './store.ts';

/** Accounts and what an operator does with them; each change and its audit row in one transaction. */
export function createAccounts(deps: {
  knex: Knex;
  passwords: Passwords;
  rules: Pick<PasswordRules, 'fault'>;
}) {
  const { knex, passwords } = deps;

  async function get(source: Knex, username: string): Promise<Account> {
    const row = await source('T_accounts')
      .where({ username: normalise(username) })
      .first<AccountRow>(ACCOUNT_COLUMNS);
    if (!row) throw accountNotFound(`the username ${username}`);
    return toAccount(row);
  }

  return {
    /** @throws LatchkeyError invalid_input, conflict when the username or address is taken */
    async create(actor: Actor, given: AccountInput): Promise<Account> {
      const { username, email = null, name = null, scope: scopes, password } = parse(accountInput, given);
      const fault = deps.rules.fault(password, { username, email, name });
      if (fault !== undefined) throw invalidFields({ password: fault }, fault);
      const passwordHash = await passwords.hash(password);
      try {
        return await inTransaction(knex, async (trx) => {
          const id = await insertAccount(trx, { username, email, name, scopes, passwordHash });
          await recordEventIn(trx, {
            action: 'account.created',
            actorId: actor.accountId,
            accountId: id,
            target: username,
          });
          return { id, username, email, email_verified: false, name, scopes, is_active: true };
        });
      } catch (error) {
        throw isDuplicate(error) ? takenUsername(error) : error;
      }
    },

    async list(): Promise<Account[]> {
      const rows = await knex('T_accounts').select<AccountRow[]>(ACCOUNT_COLUMNS).orderBy('username');
      return rows.map(toAccount);
    },

    /** With its roles and the invitations that it used. @throws LatchkeyError not_found */
    /** @throws LatchkeyError not_found */
    profile: (id: string): Promise<Profile> => profileOf(knex, { id }),

    show: (username: string): Promise<Profile> => profileOf(knex, { username: normalise(username) }),

    /** Sessions, codes and tokens end in the same transaction. @throws LatchkeyError not_found */
    disable(actor: Actor, username: string): Promise<Account> {
      return knex.transaction(async (trx) => {
        const account = await get(trx, username);
        await trx('T_accounts')
          .where({ id: account.id })
          .update({ is_active: false, updated_at: new Date() });
        await endAll(trx, account.id);
        await recordEventIn(trx, {
          action: 'account.disabled',
          actorId: actor.accountId,
          accountId: account.id,
          target: account.username,
        });
        return { ...account, is_active: false };
      });
    },

    enable(actor: Actor, username: string): Promise<Account> {
      return knex.transaction(async (trx) => {
        const account = await get(trx, username);
        await trx('T_accounts').where({ id: account.id }).update({ is_active: true, updated_at: new Date() });
        await recordEventIn(trx, {
          action: 'account.enabled',
          actorId: actor.accountId,
          accountId: account.id,
          target: account.username,
        });
        return { ...account, is_active: true };
      });
    },

    /** The account and all that hangs on it; the audit log stays, without the account. @throws LatchkeyError not_found */
    delete(actor: Actor, username: string): Promise<Account> {
      return knex.transaction(async (trx) => {
        const account = await get(trx, username);
        await trx('T_accounts').where({ id: account.id }).delete();
        await recordEventIn(trx, {
          action: 'account.deleted',
          actorId: actor.accountId,
          target: account.username,
          details: { id: account.id },
        });
        return account;
      });
    },
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
