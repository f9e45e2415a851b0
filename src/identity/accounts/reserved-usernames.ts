import type { Knex } from 'knex';
import { uuidv7 } from '../../kit/ids.ts';
import { isClosedUsername } from './closing-store.ts';
import { USERNAME_RESERVED_MS } from './rename-limits.ts';

const TABLE = 'T_reserved_usernames';

/**
 * Whether another account had that username until a short while ago, or was closed with it. Call it after the username was written: the unique
 * index has then made a concurrent request wait, and this reads what that one has committed.
 */
export async function isReserved(
  trx: Knex.Transaction,
  username: string,
  accountId: string,
): Promise<boolean> {
  const row = await trx(TABLE)
    .where({ username })
    .whereNot({ account_id: accountId })
    .where('expires_at', '>', new Date())
    // MySQL would otherwise read as of the beginning of the transaction.
    .forUpdate()
    .first('id');
  return row !== undefined || isClosedUsername(trx, username);
}

export async function countReserved(trx: Knex.Transaction, accountId: string): Promise<number> {
  const [row] = await trx(TABLE)
    .where({ account_id: accountId })
    .where('expires_at', '>', new Date())
    .count({ reserved: '*' });
  return Number(row?.reserved ?? 0);
}

/** Keeps a username for the account that had it, and frees the one that the account takes. */
export async function reserveUsername(
  trx: Knex.Transaction,
  names: { accountId: string; before: string; after: string },
): Promise<void> {
  // A row that has expired may still be there.
  await trx(TABLE).where({ username: names.before }).delete();
  await trx(TABLE).where({ username: names.after, account_id: names.accountId }).delete();
  const now = Date.now();
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: new Date(now),
    username: names.before,
    account_id: names.accountId,
    expires_at: new Date(now + USERNAME_RESERVED_MS),
  });
}
