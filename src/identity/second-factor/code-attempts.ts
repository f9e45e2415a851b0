import type { Knex } from 'knex';
import { LOCKING_COUNTS, latestLockEnd, lockedUntil, MAX_FAILED_ATTEMPTS } from '../lockout-rule.ts';

/** Whose codes are guessed, and with which browser. */
export interface CodeGuesser {
  accountId: string;
  /** The digest of the token in this browser's cookie. */
  browserHash?: string;
}

/** The row that counts. */
interface Counter {
  table: 'T_accounts' | 'T_known_browsers';
  id: string;
}

const NO_FAILED_ATTEMPTS = { codes_locked_until: null, failed_code_attempts: 0 };

const LOCK_CASES = LOCKING_COUNTS.map((count) => `WHEN ${count - 1} THEN ?`).join(' ');

/**
 * Limits guesses at codes of authenticator apps and at recovery codes by the rule for passwords (`../lockout-rule.ts`).
 * All codes of an account share one count. A browser that has completed a second
 * factor for the account has a separate count, so that somebody who knows the password cannot lock its owner out.
 */
export function createCodeAttempts(knex: Knex) {
  const now = () => new Date();

  async function findCounter({ accountId, browserHash = '' }: CodeGuesser): Promise<Counter> {
    const browser = await knex('T_known_browsers')
      .where({ account_id: accountId, token_hash: browserHash })
      .whereNotNull('second_factor_at')
      .where('expires_at', '>', now())
      .first('id');
    return browser ? { table: 'T_known_browsers', id: browser.id } : { table: 'T_accounts', id: accountId };
  }

  const whereOpen = (query: Knex.QueryBuilder, id: string) =>
    query
      .where({ id })
      .where('failed_code_attempts', '<', MAX_FAILED_ATTEMPTS)
      .where((open) =>
        open
          .whereNull('codes_locked_until')
          .orWhere('codes_locked_until', '<=', now())
          .orWhere('codes_locked_until', '>', latestLockEnd(Date.now())),
      );

  /** Counts an attempt as failed. @returns whether its code may be verified */
  async function count(trx: Knex.Transaction, { table, id }: Counter): Promise<boolean> {
    const at = Date.now();
    const locks = LOCKING_COUNTS.map((failed) => lockedUntil(failed, at));
    const counted = await whereOpen(trx(table), id).update({
      // Before the count: MySQL assigns from left to right, and would see the new one.
      codes_locked_until: trx.raw(
        `CASE failed_code_attempts ${LOCK_CASES} ELSE codes_locked_until END`,
        locks,
      ),
      failed_code_attempts: trx.raw('failed_code_attempts + 1'),
    });
    return counted === 1;
  }

  return {
    /**
     * Prepares an attempt. Call what it returns in the transaction that uses the code up: it counts the attempt, verifies
     * the code and, if that was right, starts the count again. The row of the count stays locked until the transaction
     * ends, so guesses at once are verified one after the other, and an attempt that a crash or an outage ends has
     * counted nothing.
     */
    async prepare(guesser: CodeGuesser) {
      const counter = await findCounter(guesser);
      return async (trx: Knex.Transaction, verify: () => Promise<boolean>): Promise<boolean> => {
        if (!(await count(trx, counter)) || !(await verify())) return false;
        await trx(counter.table).where({ id: counter.id }).update(NO_FAILED_ATTEMPTS);
        return true;
      };
    },

    /** Whether codes are not verified at the moment, because too many were wrong. */
    async isLocked(guesser: CodeGuesser): Promise<boolean> {
      const { table, id } = await findCounter(guesser);
      return (await whereOpen(knex(table), id).first('id')) === undefined;
    },

    /** Starts the count of an account again. */
    async clear(trx: Knex.Transaction, accountId: string): Promise<void> {
      await trx('T_accounts').where({ id: accountId }).update(NO_FAILED_ATTEMPTS);
    },
  };
}

export type CodeAttempts = ReturnType<typeof createCodeAttempts>;
