import { deleteFrom, insertInto, selectOne, sql, update } from '../../../src/database/statement-builders.ts';
import { UnitOfWork } from '../../../src/database/unit-of-work.ts';
import type { Write } from '../../../src/database/writes.ts';
import { uuidv7 } from '../../../src/kit/ids.ts';
import type { EngineName } from '../engines.ts';
import { storageOf } from './token-storage.ts';

const TABLE = 'T_revoked_tokens';
const COLUMNS = ['id', 'created_at', 'token_hash', 'reason', 'revoked_at', 'expires_at'];
const INSERT = insertInto(TABLE, COLUMNS);
const INSERT_IF_NEW = insertInto(TABLE, COLUMNS, { onConflict: 'nothing' });
const USE = update(TABLE, {
  set: ['reason'],
  where: sql`token_hash = ${'token_hash'} AND reason = 'test'`,
});
const TOUCH = update(TABLE, { set: ['reason'], where: sql`token_hash = ${'token_hash'}` });
export const DELETE = deleteFrom(TABLE, sql`id = ${'id'}`);
/** Without columns that must not be NULL. */
export const INSERT_WRONGLY = insertInto('T_credentials', ['id', 'created_at', 'account_id', 'username']);
export const BY_HASH = selectOne({
  columns: 'token_hash, reason',
  from: TABLE,
  where: sql`token_hash = ${'token_hash'}`,
});
export const BY_REASON = selectOne({ columns: 'reason', from: TABLE, where: sql`reason = ${'reason'}` });
export const OF_NO_TABLE = selectOne({ columns: 'nothing', from: 'T_nothing' });

/** Inserts a revoked token, whose hash is unique. */
export function insertRow(hash: string, more: { guard?: string; ignore?: boolean } = {}): Write {
  const { guard, ignore = guard !== undefined } = more;
  const now = new Date();
  const values = { id: uuidv7(), created_at: now, token_hash: hash, reason: 'test', revoked_at: now };
  return {
    statement: ignore ? INSERT_IF_NEW : INSERT,
    values: { ...values, expires_at: now },
    guard,
  };
}

export const markUsed = (hash: string, guard: string): Write => ({
  statement: USE,
  values: { reason: 'used', token_hash: hash },
  guard,
});

export const touch = (hash: string, reason = 'touched'): Write => ({
  statement: TOUCH,
  values: { reason, token_hash: hash },
});

/** The rows of a database in which only these units write. Call it in a `describe`. */
export function rowsOf(engine: EngineName) {
  const storage = storageOf(engine);
  const hashes = async () =>
    (await storage().database.knex('T_revoked_tokens').orderBy('token_hash')).map((row) => row.token_hash);
  const unitOf = (...writes: Write[]) => {
    const unit = new UnitOfWork(storage().database.driver);
    for (const write of writes) unit.write(write);
    return unit;
  };
  const reset = () => storage().database.knex('T_revoked_tokens').delete();
  return { storage, hashes, unitOf, reset };
}
