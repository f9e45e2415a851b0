import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { digest, uuidv7 } from '../../kit/ids.ts';

/** An address that is to be the account's, confirmed; a new password; a first key again, by an administrator or by mail. */
export type Purpose = 'verify_email' | 'reset_password' | 'enrol_passkey' | 'recover_passkey';

const HOUR_MS = 3_600_000;
const LIFE_MS: Record<Purpose, number> = {
  verify_email: 24 * HOUR_MS,
  reset_password: HOUR_MS,
  enrol_passkey: HOUR_MS,
  recover_passkey: HOUR_MS,
};
const TABLE = 'T_account_links';

/** Whom a link is for. */
export interface Bearer {
  account_id: string;
  purpose: Purpose;
  username: string;
  name: string | null;
  /** The address that the mailbox it was sent to has. */
  email: string;
}

const removed = (trx: Knex.Transaction, accountId: string, purpose: Purpose) =>
  trx(TABLE).where({ account_id: accountId, purpose }).delete();

/**
 * Makes a link that takes the place of the account's earlier one for that purpose.
 * @returns its token, of 144 random bits: short enough that the link stays whole in a mail of plain text
 * @throws a unique violation when another request makes one at the same moment
 */
export async function makeLink(
  trx: Knex.Transaction,
  link: { accountId: string; purpose: Purpose; email: string },
): Promise<string> {
  const token = randomBytes(18).toString('base64url');
  const now = new Date();
  await removed(trx, link.accountId, link.purpose);
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: now,
    account_id: link.accountId,
    purpose: link.purpose,
    token_hash: digest(token),
    email: link.email,
    expires_at: new Date(now.getTime() + LIFE_MS[link.purpose]),
  });
  return token;
}

/**
 * What still opens: unused, in time, of an active account. A link back in speaks of the address that the account had:
 * when it has another by now, whoever reads mail at the old one gets in no more.
 */
const good = (query: Knex.QueryBuilder, source: Knex, token: string, purposes: Purpose[]) =>
  query
    .where({ token_hash: digest(token) })
    .whereIn('purpose', purposes)
    .whereNull('consumed_at')
    .where('expires_at', '>', new Date())
    .whereExists(
      source('T_accounts as a')
        .select('a.id')
        .whereRaw('a.id = T_account_links.account_id')
        .whereRaw(
          `a.is_active = true AND (COALESCE(a.email, '') = T_account_links.email OR purpose = 'verify_email')`,
        ),
    );

const bearer = (source: Knex, token: string) =>
  source(`${TABLE} as l`)
    .join('T_accounts as a', 'a.id', 'l.account_id')
    .where('l.token_hash', digest(token))
    .first<Bearer | undefined>('l.account_id', 'l.purpose', 'l.email', 'a.username', 'a.name');

/** Reads only: nothing is used up by looking. @returns whom it is for, or undefined when it opens nothing */
export async function lookAt(knex: Knex, token: string, ...purposes: Purpose[]): Promise<Bearer | undefined> {
  const found = await good(knex(TABLE), knex, token, purposes).first('id');
  return found ? bearer(knex, token) : undefined;
}

/** One statement uses it up. @returns whom it was for, or undefined when it opens nothing */
export async function useLink(
  trx: Knex.Transaction,
  token: string,
  ...purposes: Purpose[]
): Promise<Bearer | undefined> {
  const used = await good(trx(TABLE), trx, token, purposes).update({ consumed_at: new Date() });
  return used === 1 ? bearer(trx, token) : undefined;
}

/**
 * When a password changed: a link that a thief asked for, or waits for at an address of theirs, opens nothing more.
 */
export async function voidLinks(trx: Knex.Transaction, accountId: string): Promise<void> {
  await trx(TABLE)
    .where({ account_id: accountId })
    .whereNull('consumed_at')
    .update({ consumed_at: new Date() });
}

/** The address that waits to be confirmed, also after its link is over: it is asked for anew, not forgotten. */
export async function pendingEmail(source: Knex, accountId: string): Promise<string | null> {
  const row = await source(TABLE)
    .where({ account_id: accountId, purpose: 'verify_email' })
    .whereNull('consumed_at')
    .first('email');
  return row?.email ?? null;
}

/** As much work as for a link that is made, where there is no account to make one for. */
export async function makeNoLink(trx: Knex.Transaction, purpose: Purpose): Promise<void> {
  await removed(trx, uuidv7(), purpose);
}
