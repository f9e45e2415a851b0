import type { Knex } from 'knex';
import { selectOne, sql, update } from '../../database/statement-builders.ts';

const TABLE = 'T_registration_tokens';
/** Tokens that allow registering an application. The engine keeps those that manage one registration in the same table. */
const KIND = 'InitialAccessToken';

/** A row of T_registration_tokens with an initial access token (RFC 7591 section 3). */
export interface TokenRow {
  id: string;
  created_at: Date | string;
  token_hash: string;
  description: string | null;
  /** Null: any number. */
  max_uses: number | null;
  uses: number;
  created_by: string | null;
  expires_at: Date | string | null;
  last_used_at: Date | string | null;
  revoked_at: Date | string | null;
}

export const SELECT_TOKEN = selectOne({
  columns: 'id, max_uses, uses, expires_at, revoked_at',
  from: TABLE,
  where: sql([`kind = '${KIND}' AND token_hash = `, ''], 'token_hash'),
});

/** Uses a token up by one. Touches no row, which a guard notices, once it is used up, revoked or expired. */
export const USE_TOKEN = update(TABLE, {
  set: sql`uses = uses + 1, last_used_at = ${'last_used_at'}`,
  where: sql`id = ${'id'} AND revoked_at IS NULL AND (max_uses IS NULL OR uses < max_uses)
    AND (expires_at IS NULL OR expires_at > ${'now'})`,
});

export async function insertToken(
  trx: Knex.Transaction,
  row: Pick<TokenRow, 'id' | 'token_hash' | 'description' | 'max_uses' | 'created_by' | 'expires_at'>,
): Promise<void> {
  await trx(TABLE).insert({ ...row, kind: KIND, uses: 0, payload: '{}', created_at: new Date() });
}

/** The newest first. */
export const listTokens = (source: Knex): Promise<TokenRow[]> =>
  source<TokenRow & { kind: string }>(TABLE).where({ kind: KIND }).orderBy('id', 'desc');

/** Revokes a token that is not revoked yet. @returns whether there was one */
export async function revokeToken(trx: Knex.Transaction, id: string): Promise<boolean> {
  const changed = await trx(TABLE)
    .where({ id, kind: KIND })
    .whereNull('revoked_at')
    .update({ revoked_at: new Date() });
  return changed > 0;
}
