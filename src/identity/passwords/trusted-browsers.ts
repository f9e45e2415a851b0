import type { Knex } from 'knex';
import { insertInto, sql, update } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { NO_GUESSES } from './lockout.ts';

/** How long a browser is known after its last sign-in. */
export const KNOWN_DAYS = 180;

const nextExpiry = (now: Date) => new Date(now.getTime() + KNOWN_DAYS * 86_400_000);

const GUESSES = ['failed_login_attempts', 'locked_until'] as const;

/** Two forms of one browser may be sent at once. */
const INSERT_BROWSER = insertInto(
  'T_known_browsers',
  ['id', 'created_at', 'account_id', 'token_hash', ...GUESSES, 'last_used_at', 'expires_at'],
  { onConflict: 'nothing' },
);
const TOUCH_BROWSER = update('T_known_browsers', {
  set: ['last_used_at', 'expires_at', ...GUESSES],
  where: sql`id = ${'id'}`,
});

/** Marks this browser as one from which the person signed in, in the commit of the request under way. */
export function rememberBrowser(accountId: string, tokenHash: string): void {
  const now = new Date();
  currentUnit().write({
    statement: INSERT_BROWSER,
    values: {
      id: uuidv7(),
      created_at: now,
      account_id: accountId,
      token_hash: tokenHash,
      ...NO_GUESSES,
      last_used_at: now,
      expires_at: nextExpiry(now),
    },
  });
}

/** A browser that is known signed in again. */
export function touchBrowser(id: string): void {
  const now = new Date();
  const values = { id, last_used_at: now, expires_at: nextExpiry(now), ...NO_GUESSES };
  currentUnit().write({ statement: TOUCH_BROWSER, values });
}

/**
 * No browser of that account is known any more: for a new password, and "sign out everywhere".
 * @param kept the one that asks
 */
export async function forgetBrowsers(source: Knex, accountId: string, kept = ''): Promise<void> {
  await source('T_known_browsers').where({ account_id: accountId }).whereNot({ id: kept }).delete();
}
