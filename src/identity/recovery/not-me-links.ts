import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { NOT_ME_LIFETIME_MS } from './link-lifetimes.ts';

const TABLE = 'T_security_notices';
/** 144 random bits, as in other links. */
const TOKEN_BYTES = 18;

/** A mail about a change, and the link in it with which its owner says that the change was not theirs. */
export interface Notice {
  accountId: string;
  username: string;
  event: string;
  /** The key that the change was about. */
  keyId: string | null;
  /** Whether the account still has the address that the mail went to. */
  isPresentAddress: boolean;
}

/** @returns the token of the link */
export async function createNoticeLink(
  source: Knex,
  notice: { accountId: string; event: string; keyId: string | null; email: string },
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const now = Date.now();
  await source(TABLE).insert({
    id: uuidv7(),
    created_at: new Date(now),
    account_id: notice.accountId,
    event: notice.event,
    key_id: notice.keyId,
    email: notice.email,
    token_hash: digest(token),
    expires_at: new Date(now + NOT_ME_LIFETIME_MS),
  });
  return token;
}

const whereOpen = (query: Knex.QueryBuilder, token: string) =>
  query
    .where({ token_hash: digest(token) })
    .whereNull('consumed_at')
    .where('expires_at', '>', new Date());

/** Does not use the link up: mail scanners open links too. @returns undefined when it is not valid */
export async function findNotice(source: Knex, token: string): Promise<Notice | undefined> {
  const row = await whereOpen(source(TABLE), token).first('account_id', 'event', 'key_id', 'email');
  if (!row) return undefined;
  const account = await source('T_accounts')
    .where({ id: row.account_id, is_active: true })
    .first('username', 'email');
  return (
    account && {
      accountId: row.account_id,
      username: account.username,
      event: row.event,
      keyId: row.key_id,
      isPresentAddress: account.email === row.email,
    }
  );
}

/** Uses a link up. The row count of one UPDATE decides, so it works once. @returns whether it was valid */
export async function consumeNotice(trx: Knex.Transaction, token: string): Promise<boolean> {
  return (await whereOpen(trx(TABLE), token).update({ consumed_at: new Date() })) === 1;
}
