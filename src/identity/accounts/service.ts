import type { Knex } from 'knex';
import { readPersonalDetails } from '../../access/personal-details.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { invalidFields, refuse } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { normalise } from '../fields.ts';
import { findRequestedEmail, releaseEmail } from './email-store.ts';
import { type AccountChange, type AccountInput, accountChange, accountInput } from './input.ts';
import { keepAdministrator } from './last-administrator.ts';
import { toDetailColumns } from './personal-detail-fields.ts';
import { accountNotFound, describeFilter, type Profile, type Profiles } from './read-profile.ts';
import { isReserved, reserveUsername } from './reserved-usernames.ts';
import { revokeAccessTokens, type SignOutEverywhere } from './sign-out-everywhere.ts';
import {
  type Account,
  deleteAccount,
  findAccount,
  insertAccount,
  listAccounts,
  lockAccount,
  setAccountActive,
  updateAccount,
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
  /** Keeps the password's row in step with the username, if there is one. */
  renameCredential(trx: Knex.Transaction, accountId: string, username: string): Promise<void>;
  voidLinks(trx: Knex.Transaction, accountId: string): Promise<void>;
  signOutEverywhere: SignOutEverywhere;
  /**
   * Deletes the connections of an account to other services, and destroys their credentials.
   * @returns what revokes them there: called once the account is deleted
   */
  removeAllConnections(trx: Knex.Transaction, accountId: string): Promise<{ revoke(): void }>;
}

/** A username as somebody typed it, or an id: a form names the account of its page by id, because a username can change hands. */
type AccountReference = string | { id: string };

const refusePhone = () => refuse('phone_missing', 'Only a phone number can be confirmed. Add one.');

/** What an operator does with accounts. Each change and its audit row are one transaction. */
export function createAccountService(deps: AccountServiceDeps) {
  const { knex, passwords } = deps;

  /** Runs a change of one account, with its row locked. @throws LatchkeyError not_found, and as `keepAdministrator` */
  function change(
    actor: Actor,
    which: AccountReference,
    apply: (trx: Knex.Transaction, account: Account) => Promise<Account>,
  ): Promise<Account> {
    const filter = typeof which === 'string' ? { username: normalise(which) } : which;
    return inTransaction(knex, (trx) =>
      keepAdministrator(trx, actor, [filter], async () => {
        await lockAccount(trx, filter);
        const account = await findAccount(trx, filter);
        if (!account) throw accountNotFound(describeFilter(filter));
        return apply(trx, account);
      }),
    );
  }

  /** Nobody else can take the earlier username for a while. @throws LatchkeyError conflict when the new one is reserved */
  async function rename(
    trx: Knex.Transaction,
    { id, username: before }: Account,
    after: string | undefined,
  ): Promise<void> {
    if (after === undefined || after === before) return;
    await deps.renameCredential(trx, id, after);
    if (await isReserved(trx, after, id)) throw usernameTaken();
    await reserveUsername(trx, { accountId: id, before, after });
  }

  return {
    /** @throws LatchkeyError invalid_input; conflict when the username or e-mail address is taken */
    async create(actor: Actor, input: AccountInput): Promise<Account> {
      const parsed = parse(accountInput, input);
      const { username, email = null, name = null, scope: scopes, password } = parsed;
      const { emailVerified: email_verified } = parsed;
      if (email_verified && email === null)
        refuse('address_missing', 'Only an e-mail address can be confirmed. Add one.');
      const details = readPersonalDetails(toDetailColumns(parsed));
      const { phoneNumberVerified: phone_number_verified } = parsed;
      if (phone_number_verified && details.phone_number === null) refusePhone();
      const claims = {
        ...details,
        phone_number_verified,
        given_name: parsed.givenName || null,
        family_name: parsed.familyName || null,
        locale: parsed.locale ?? null,
        zoneinfo: parsed.zoneinfo ?? null,
      };
      const fault = passwords.fault(password, { username, email, name });
      if (fault !== undefined) throw invalidFields({ password: fault }, fault);
      const passwordHash = await passwords.hash(password);
      try {
        return await inTransaction(knex, async (trx) => {
          if (email !== null && email_verified) await releaseEmail(trx, email);
          const account = { username, email, email_verified, name, ...claims, scopes };
          const id = await insertAccount(trx, account);
          await deps.insertPassword(trx, { accountId: id, username, passwordHash });
          await recordEventIn(trx, {
            action: 'account.created',
            actorId: actor.accountId,
            accountId: id,
            target: username,
          });
          return { id, ...account, is_active: true };
        });
      } catch (error) {
        throw isDuplicate(error) ? usernameTaken(error) : error;
      }
    },

    /**
     * Changes the members that are given. Another address ends the links that were mailed to the earlier one; a smaller
     * ceiling ends access tokens, and refresh tokens then yield what it still allows.
     * @throws LatchkeyError not_found, invalid_input; conflict when the username or e-mail address is taken
     */
    async update(actor: Actor, name: string, changes: AccountChange): Promise<Account> {
      const input = parse(accountChange, changes);
      const { emailVerified, phoneNumberVerified } = input;
      const fields = {
        username: input.username,
        email: input.email,
        name: input.name,
        given_name: input.givenName,
        family_name: input.familyName,
        locale: input.locale,
        zoneinfo: input.zoneinfo,
        ...toDetailColumns(input),
        scopes: input.scope,
      };
      try {
        return await change(actor, name, async (trx, account) => {
          const columns = Object.fromEntries(
            Object.entries(fields).filter(([, value]) => value !== undefined),
          ) as Partial<Account>;
          // An administrator vouches for the address of the sign-up too.
          if (emailVerified && account.email === null && columns.email === undefined)
            columns.email = await findRequestedEmail(trx, account.id);
          const email = columns.email === undefined ? account.email : columns.email;
          const isOtherAddress = email !== account.email;
          if (emailVerified && email === null)
            refuse('address_missing', 'Only an e-mail address can be confirmed. Add one.');
          if (isOtherAddress || emailVerified !== undefined) columns.email_verified = emailVerified ?? false;
          const phone = columns.phone_number === undefined ? account.phone_number : columns.phone_number;
          if (phoneNumberVerified && phone === null) refusePhone();
          if (phone !== account.phone_number || phoneNumberVerified !== undefined)
            columns.phone_number_verified = phoneNumberVerified ?? false;
          if (Object.keys(columns).length === 0) refuse('nothing_to_change', 'Name what to change.');
          if (email !== null && columns.email_verified) await releaseEmail(trx, email, account.id);
          await updateAccount(trx, account.id, columns);
          await rename(trx, account, columns.username);
          if (isOtherAddress) await deps.voidLinks(trx, account.id);
          if (account.scopes.some((one) => !(columns.scopes ?? account.scopes).includes(one)))
            await revokeAccessTokens(trx, account.id);
          await recordEventIn(trx, {
            action: 'account.updated',
            actorId: actor.accountId,
            accountId: account.id,
            target: columns.username ?? account.username,
            details: { changed: Object.keys(columns) },
          });
          return { ...account, ...columns };
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

    /** Disables an account, and ends all its sessions, codes, tokens and grants. @throws LatchkeyError not_found */
    disable: (actor: Actor, which: AccountReference): Promise<Account> =>
      change(actor, which, async (trx, account) => {
        await setAccountActive(trx, account.id, false);
        await deps.signOutEverywhere(trx, account.id);
        await recordEventIn(trx, {
          action: 'account.disabled',
          actorId: actor.accountId,
          accountId: account.id,
          target: account.username,
        });
        return { ...account, is_active: false };
      }),

    /** @throws LatchkeyError not_found */
    enable: (actor: Actor, which: AccountReference): Promise<Account> =>
      change(actor, which, async (trx, account) => {
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
     * Deletes the account and everything that belongs to it, and revokes its connections at their services.
     * Audit rows stay, without a reference to the account.
     * @throws LatchkeyError not_found
     */
    async delete(actor: Actor, username: string): Promise<Account> {
      let revoke = () => {};
      const deleted = await change(actor, username, async (trx, account) => {
        ({ revoke } = await deps.removeAllConnections(trx, account.id));
        await deleteAccount(trx, account.id);
        await recordEventIn(trx, {
          action: 'account.deleted',
          actorId: actor.accountId,
          target: account.username,
          details: { id: account.id },
        });
        return account;
      });
      revoke();
      return deleted;
    },
  };
}
