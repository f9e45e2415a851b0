import type { Knex } from 'knex';
import type { Secrets } from '../../kit/secrets.ts';
import { sealedAt } from './credential-store.ts';

const TABLE = 'T_oauth_tokens';

/** A stored credential whose tokens may be sealed with an older key. */
interface SealedRow {
  id: string;
  user_provider_id: string;
  account_id: string;
  access_token_sealed: string;
  refresh_token_sealed: string | null;
}

/** The next credentials after that id, in its order. */
export const listSealed = (source: Knex, afterId: string, limit: number): Promise<SealedRow[]> =>
  source(`${TABLE} as t`)
    .join('T_user_providers as p', 'p.id', 't.user_provider_id')
    .where('t.id', '>', afterId)
    .whereNotNull('t.access_token_sealed')
    .orderBy('t.id')
    .limit(limit)
    .select('t.id', 't.user_provider_id', 'p.account_id', 't.access_token_sealed', 't.refresh_token_sealed');

export async function countSealed(source: Knex): Promise<number> {
  const [row] = await source(TABLE).whereNotNull('access_token_sealed').count({ rows: '*' });
  return Number(row?.rows);
}

/** How many active credentials there are, and how many of them are sealed with a key that is not in LATCHKEY_SECRETS. */
export async function countUnreadable(
  source: Knex,
  secrets: Pick<Secrets, 'hasKeyOf'>,
): Promise<{ all: number; unreadable: number }> {
  const counts = await countByKey(source);
  const sum = (rows: typeof counts) => rows.reduce((total, one) => total + one.rows, 0);
  const lost = counts.filter(({ beginnings }) => !beginnings.every((one) => secrets.hasKeyOf(one)));
  return { all: sum(counts), unreadable: sum(lost) };
}

/** @param count of credentials whose key is missing @returns what is wrong, and what to do */
export const describeUnreadable = (count: number): string =>
  `${count} ${count === 1 ? 'credential is' : 'credentials are'} sealed with a key that is not in LATCHKEY_SECRETS. Add it again, and run latchkey connection reseal before you remove it. If it is lost, latchkey connection reseal lists these connections, and latchkey connection disconnect ends one.`;

/** @returns the beginnings of sealed tokens, which name their keys, and how many rows have these */
async function countByKey(source: Knex): Promise<{ beginnings: string[]; rows: number }[]> {
  const access = 'substr(access_token_sealed, 1, 12)';
  const refresh = 'substr(refresh_token_sealed, 1, 12)';
  const found: { access_key: string; refresh_key: string | null; rows: number | string }[] = await source(
    TABLE,
  )
    .whereNotNull('access_token_sealed')
    .select(source.raw(`${access} AS access_key`), source.raw(`${refresh} AS refresh_key`))
    .count({ rows: '*' })
    .groupByRaw(`${access}, ${refresh}`);
  return found.map((row) => ({
    beginnings: row.refresh_key === null ? [row.access_key] : [row.access_key, row.refresh_key],
    rows: Number(row.rows),
  }));
}

type SealedTokens = Pick<SealedRow, 'access_token_sealed' | 'refresh_token_sealed'>;

/** @returns the tokens of a row, sealed with the newest key @throws Error when one does not open */
export function sealAgain(secrets: Pick<Secrets, 'open' | 'seal'>, row: SealedRow): SealedTokens {
  const place = { id: row.id, connectionId: row.user_provider_id, accountId: row.account_id };
  const again = (column: keyof SealedTokens, sealed: string) =>
    secrets.seal(secrets.open(sealed, sealedAt(column, place)), sealedAt(column, place));
  const { access_token_sealed, refresh_token_sealed: refresh } = row;
  return {
    access_token_sealed: again('access_token_sealed', access_token_sealed),
    refresh_token_sealed: refresh === null ? null : again('refresh_token_sealed', refresh),
  };
}

/** A row that was changed since it was read is left: what a server writes has the newest key. */
export async function replaceSealed(source: Knex, row: SealedRow, tokens: SealedTokens): Promise<void> {
  const { id, access_token_sealed, refresh_token_sealed } = row;
  await source(TABLE).where({ id, access_token_sealed, refresh_token_sealed }).update(tokens);
}
