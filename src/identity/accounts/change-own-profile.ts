import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { invalidFields, LatchkeyError } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { type ProfileChange, profileChange, usernameChange } from './input.ts';
import { changePreferences, type PreferencesChange } from './preferences.ts';
import { accountNotFound } from './read-profile.ts';
import { MAX_RESERVED_USERNAMES } from './rename-limits.ts';
import { countReserved, isReserved, reserveUsername } from './reserved-usernames.ts';
import { assertSignedIn } from './sign-out-everywhere.ts';
import { type Account, findAccount, updateAccount } from './store.ts';

export interface OwnProfileDeps {
  knex: Knex;
  renameCredential(trx: Knex.Transaction, accountId: string, username: string): Promise<void>;
  /** Runs an attempt, which has failed if it returns undefined, and limits failures. @throws LatchkeyError rate_limited */
  tryAttempt<T>(ip: string | undefined, attempt: () => Promise<T | undefined>): Promise<T | undefined>;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'username_changed'): void;
}

/** The signed-in user who changes their own account. */
interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

/** Thrown inside the transaction, to roll it back. */
const TAKEN = new Error('This username is taken. Choose another one');

const changedOften = () =>
  new LatchkeyError(
    'conflict',
    'username_changed_often',
    'You have changed your username too often. Wait until 90 days after the first of these changes. Nothing was changed.',
  );

/** What users change of their own account. Each change and its audit row are one transaction. */
export function createOwnProfile({ knex, renameCredential, tryAttempt, notify }: OwnProfileDeps) {
  async function getAccount(trx: Knex.Transaction, { accountId, sessionUid }: Owner): Promise<Account> {
    await assertSignedIn(trx, accountId, { session: sessionUid });
    const account = await findAccount(trx, { id: accountId });
    if (!account) throw accountNotFound('that id');
    return account;
  }

  const recordChange = (
    trx: Knex.Transaction,
    { accountId, sessionUid, origin }: Owner,
    target: string,
    changed: string[],
  ) =>
    recordEventIn(
      trx,
      { action: 'account.updated', accountId, sessionUid, target, details: { changed } },
      origin,
    );

  /** @returns whether it was free; undefined when another account has the username, or had it a short while ago */
  async function rename(owner: Owner, username: string): Promise<true | undefined> {
    const { accountId } = owner;
    try {
      await inTransaction(knex, async (trx) => {
        // Credential first, then account: in the order of a sign-in, so that the two cannot deadlock.
        await renameCredential(trx, accountId, username);
        const { username: before } = await getAccount(trx, owner);
        if (before === username) return;
        if ((await countReserved(trx, accountId)) >= MAX_RESERVED_USERNAMES) throw changedOften();
        await updateAccount(trx, accountId, { username });
        if (await isReserved(trx, username, accountId)) throw TAKEN;
        await reserveUsername(trx, { accountId, before, after: username });
        await recordChange(trx, owner, username, ['username']);
      });
    } catch (error) {
      if (error === TAKEN || isDuplicate(error)) return undefined;
      throw error;
    }
    return true;
  }

  return {
    /**
     * Gives the account another username, and tells its owner by mail. Nobody else can take the earlier one for 90 days.
     * @throws LatchkeyError invalid_input with a sentence for `username`; conflict after five changes in 90 days;
     *   rate_limited after too many that were taken, so that nobody finds out in this way who has an account
     */
    async changeUsername(owner: Owner, input: { username: string }): Promise<void> {
      const { username } = parse(usernameChange, input);
      const isFree = await tryAttempt(owner.origin.ip, () => rename(owner, username));
      if (!isFree) throw invalidFields({ username: TAKEN.message }, `${TAKEN.message}.`);
      notify(owner.accountId, 'username_changed');
    },

    /** Changes which notices are mailed, and which connected account is used. @throws LatchkeyError invalid_input */
    changePreferences: (owner: Owner, change: PreferencesChange): Promise<void> =>
      inTransaction(knex, async (trx) => {
        const { id, username } = await getAccount(trx, owner);
        await changePreferences(trx, id, change);
        await recordChange(trx, owner, username, ['preferences']);
      }),

    /** @throws LatchkeyError invalid_input with a sentence for each field */
    async changeProfile(owner: Owner, input: ProfileChange): Promise<void> {
      const { theme, ...columns } = parse(profileChange, input);
      await inTransaction(knex, async (trx) => {
        const account = await getAccount(trx, owner);
        const changed = Object.entries(columns).filter(
          ([name, value]) => value !== undefined && account[name as keyof typeof columns] !== value,
        );
        if (changed.length > 0) {
          const values: Partial<Account> = Object.fromEntries(changed);
          // An administrator vouched for the earlier number only.
          if (values.phone_number !== undefined) values.phone_number_verified = false;
          await updateAccount(trx, account.id, values);
          await recordChange(
            trx,
            owner,
            account.username,
            changed.map(([name]) => name),
          );
        }
        await changePreferences(trx, account.id, { theme: theme ?? null });
      });
    },
  };
}

export type OwnProfile = ReturnType<typeof createOwnProfile>;
