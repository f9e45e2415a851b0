import type { Knex } from 'knex';
import { type Actor, recordIn } from '../../audit/index.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { isDuplicate } from '../../kit/transaction.ts';
import type { Passwords } from '../passwords/index.ts';
import { endAll } from './end.ts';
import { takenUsername } from './insert.ts';
import { ACCOUNT_COLUMNS, type Account, type AccountRow, toAccount } from './model.ts';
import { type Profile, profileOf } from './profile.ts';
import { type AccountInput, accountInput, normalise } from './schema.ts';

/** Accounts and what an operator does with them; each change and its audit row in one transaction. */
export function createAccounts(deps: { knex: Knex; passwords: Passwords }) {
  const { knex, passwords } = deps;

  async function get(source: Knex, username: string): Promise<Account> {
    const row = await source('T_accounts')
      .where({ username: normalise(username) })
      .first<AccountRow>(ACCOUNT_COLUMNS);
    if (!row) throw new LatchkeyError('not_found', `There is no account with the username ${username}.`);
    return toAccount(row);
  }

  return {
    /** @throws LatchkeyError invalid_input, conflict when the username or address is taken */
    async create(actor: Actor, given: AccountInput): Promise<Account> {
      const input = parse(accountInput, given);
      const passwordHash = await passwords.hash(input.password);
      const id = uuidv7();
      const created_at = new Date();
      try {
        return await knex.transaction(async (trx) => {
          const row = {
            id,
            created_at,
            username: input.username,
            email: input.email ?? null,
            email_verified: false,
            name: input.name ?? null,
            auth_provider: 'native',
            scopes: JSON.stringify(input.scope),
            is_active: true,
          };
          await trx('T_accounts').insert(row);
          await trx('T_credentials').insert({
            id: uuidv7(),
            created_at,
            account_id: id,
            username: input.username,
            password_hash: passwordHash,
            failed_login_attempts: 0,
          });
          await recordIn(trx, {
            action: 'account.created',
            actorId: actor.accountId,
            accountId: id,
            target: input.username,
          });
          return toAccount(row as AccountRow);
        });
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        throw takenUsername(error);
      }
    },

    async list(): Promise<Account[]> {
      const rows = await knex('T_accounts').select<AccountRow[]>(ACCOUNT_COLUMNS).orderBy('username');
      return rows.map(toAccount);
    },

    /** With its roles and the invitations that it used. @throws LatchkeyError not_found */
    show: (username: string): Promise<Profile> => profileOf(knex, { username: normalise(username) }),

    /** Sessions, codes and tokens end in the same transaction. @throws LatchkeyError not_found */
    disable(actor: Actor, username: string): Promise<Account> {
      return knex.transaction(async (trx) => {
        const account = await get(trx, username);
        await trx('T_accounts')
          .where({ id: account.id })
          .update({ is_active: false, updated_at: new Date() });
        await endAll(trx, account.id);
        await recordIn(trx, {
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
        await recordIn(trx, {
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
        await recordIn(trx, {
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
