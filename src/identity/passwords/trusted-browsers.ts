import type { Knex } from 'knex';
import { insertInto, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { COUNTER_COLUMNS, NO_FAILED_ATTEMPTS } from './attempt-counters.ts';

/** The table of trusted browsers, which were called known browsers when it was made. */
const TABLE = 'T_known_browsers';
const DAY_MS = 86_400_000;

/** How long a browser is trusted after a sign-in in it. Each sign-in begins the time again. */
export const TRUST_DAYS = 180;

const nextExpiry = (now: Date) => new Date(now.getTime() + TRUST_DAYS * DAY_MS);

/** Keeps a row that is there already: the browser may send two forms at once. */
const INSERT_BROWSER = insertInto(
  TABLE,
  ['id', 'created_at', 'account_id', 'token_hash', ...COUNTER_COLUMNS, 'last_used_at', 'expires_at'],
  { onConflict: 'nothing' },
);
const RENEW_BROWSER = update(TABLE, {
  set: ['last_used_at', 'expires_at', ...COUNTER_COLUMNS],
  where: sql`id = ${'id'}`,
});

/**
 * Trusts a browser with which the user has signed in, in the commit of the current request.
 * @param tokenHash the digest of the token in the browser's cookie
 */
export function trustBrowser(accountId: string, tokenHash: string): void {
  const now = new Date();
  currentUnit().write({
    statement: INSERT_BROWSER,
    values: {
      id: uuidv7(),
      created_at: now,
      account_id: accountId,
      token_hash: tokenHash,
      ...NO_FAILED_ATTEMPTS,
      last_used_at: now,
      expires_at: nextExpiry(now),
    },
  });
}

const RECORD_SECOND_FACTOR = update(TABLE, {
  set: ['second_factor_at', 'failed_code_attempts', 'codes_locked_until'],
  where: sql`account_id = ${'account_id'} AND token_hash = ${'token_hash'}`,
});

/**
 * Records that the user completed a second factor with a trusted browser, in the commit of the current request. From
 * then on, wrong codes are counted for this browser apart. A password alone does not suffice for that.
 */
export function recordSecondFactor(accountId: string, tokenHash: string): void {
  currentUnit().write({
    statement: RECORD_SECOND_FACTOR,
    values: {
      account_id: accountId,
      token_hash: tokenHash,
      second_factor_at: new Date(),
      failed_code_attempts: 0,
      codes_locked_until: null,
    },
  });
}

/** After another sign-in with a trusted browser. Also clears its failed attempts. */
export function renewTrust(id: string): void {
  const now = new Date();
  const values = { id, last_used_at: now, expires_at: nextExpiry(now), ...NO_FAILED_ATTEMPTS };
  currentUnit().write({ statement: RENEW_BROWSER, values });
}

/** Trusts no browser of an account any longer. @param except the id of one that stays trusted */
export async function forgetBrowsers(source: Knex, accountId: string, except = ''): Promise<void> {
  await source(TABLE).where({ account_id: accountId }).whereNot({ id: except }).delete();
}
