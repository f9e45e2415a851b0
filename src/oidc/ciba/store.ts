import type { Knex } from 'knex';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';

const TABLE = 'T_backchannel_authentication_requests';

export interface OpenRequestRow {
  id: string;
  client_id: string;
  scope: string | null;
  /** JSON. */
  payload: string;
  /** JSON: `jti`. */
  code_sealed: string;
  created_at: Date | string;
  expires_at: Date | string;
}

const COUNT_OPEN = selectOne({
  columns: 'COUNT(*) AS open_requests',
  from: TABLE,
  where: sql`account_id = ${'account_id'} AND user_code_hash IS NOT NULL AND expires_at > ${'now'}`,
});

/** How many requests wait for an answer of the account. */
export async function countOpenRequests(accountId: string): Promise<number> {
  const row = await currentUnit().readOne(COUNT_OPEN, { account_id: accountId, now: new Date() });
  return Number(row?.open_requests);
}

/** The requests that wait for an answer of the account, the oldest first. */
export const listOpenRequests = (source: Knex, accountId: string): Promise<OpenRequestRow[]> =>
  source(TABLE)
    .where({ account_id: accountId })
    .whereNotNull('user_code_hash')
    .where('expires_at', '>', new Date())
    .orderBy('id')
    .select('id', 'client_id', 'scope', 'payload', 'code_sealed', 'created_at', 'expires_at');

/** Where the sealed code of a row is, for `Secrets.open`. */
export const placeOfCode = (id: string) => ({ table: TABLE, column: 'code_sealed', id });
