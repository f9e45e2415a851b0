import type { Knex } from 'knex';
import { selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { USERNAME_RESERVED_MS } from './rename-limits.ts';

const TABLE = 'T_accounts';
const CLOSED = 'T_closed_usernames';

export async function startClosing(trx: Knex.Transaction, id: string, closingAt: Date): Promise<void> {
  await trx(TABLE)
    .where({ id, is_active: true })
    .whereNull('closing_at')
    .update({ closing_at: closingAt, updated_at: new Date() });
}

/** @returns whether the account was closing */
export async function stopClosing(trx: Knex.Transaction, id: string): Promise<boolean> {
  const stopped = await trx(TABLE).where({ id }).whereNotNull('closing_at').update({ closing_at: null });
  return stopped === 1;
}

const SELECT_CLOSING = selectOne({ columns: 'closing_at', from: TABLE, where: sql`id = ${'id'}` });
const KEEP = update(TABLE, { set: ['closing_at'], where: sql`id = ${'id'}` });

export async function isClosing(id: string): Promise<boolean> {
  const row = await currentUnit().readOne(SELECT_CLOSING, { id });
  return Boolean(row?.closing_at);
}

/** Keeps an account that is closing, in the commit of the current request. @returns whether it was closing */
export async function keepAccount(id: string): Promise<boolean> {
  if (!(await isClosing(id))) return false;
  currentUnit().write({ statement: KEEP, values: { id, closing_at: null } });
  return true;
}

/** The accounts whose time to come back is over. */
export async function listDue(source: Knex, limit: number): Promise<string[]> {
  return source(TABLE).where('closing_at', '<=', new Date()).orderBy('closing_at').limit(limit).pluck('id');
}

/** Keeps the username of an account that is deleted, and its earlier ones, from others. Only their digests stay. */
export async function reserveClosedUsernames(trx: Knex.Transaction, id: string): Promise<void> {
  const now = Date.now();
  const account = await trx(TABLE).where({ id }).first('username');
  const earlier = await trx('T_reserved_usernames')
    .where({ account_id: id })
    .select('username', 'expires_at');
  const names = [
    ...earlier,
    { username: account?.username ?? '', expires_at: new Date(now + USERNAME_RESERVED_MS) },
  ];
  for (const { username, expires_at } of names) {
    const username_hash = digest(username);
    await trx(CLOSED).where({ username_hash }).delete();
    await trx(CLOSED).insert({ id: uuidv7(), created_at: new Date(now), username_hash, expires_at });
  }
}

/** Whether an account that was closed a short while ago had that username. */
export async function isClosedUsername(trx: Knex.Transaction, username: string): Promise<boolean> {
  const row = await trx(CLOSED)
    .where({ username_hash: digest(username) })
    .where('expires_at', '>', new Date())
    // MySQL would otherwise read as of the beginning of the transaction.
    .forUpdate()
    .first('id');
  return row !== undefined;
}

/**
 * Deletes an account that is due, in one conditional statement. Foreign keys delete what belongs to it; the rest here has
 * none, because others outlive their account.
 * @returns whether it was still due
 */
export async function deleteDue(trx: Knex.Transaction, id: string): Promise<boolean> {
  await trx('T_authorization_requests').where({ account_id: id }).delete();
  return (await trx(TABLE).where({ id }).where('closing_at', '<=', new Date()).delete()) === 1;
}
