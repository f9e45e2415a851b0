import type { Database } from '../src/database/open.ts';
import type { Engine } from '../src/database/statement-builders.ts';

/** How many rows to add to those of the bench: live ones, and expired ones that are past their retention. */
export interface Filling {
  live: number;
  expired: number;
}

interface Words {
  /** A table with the numbers 1 to `count` in the column `n`. */
  numbers(count: number): string;
  id: string;
  hash: string;
  /** Like the digests of codes and tokens, which begin with the time of issue. */
  ordered: string;
  at(seconds: string): string;
}

const HEX = "'abcdefghijk'";
const WORDS: Record<Engine, Words> = {
  sqlite: {
    numbers: (count) =>
      `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${count}) SELECT n FROM s) s`,
    id: `'0193' || SUBSTR('00000000' || n, -8) || '-' || LOWER(HEX(RANDOMBLOB(11)))`,
    hash: `LOWER(HEX(RANDOMBLOB(16))) || ${HEX}`,
    ordered: `SUBSTR('00000000' || n, -8) || LOWER(HEX(RANDOMBLOB(16))) || 'abc'`,
    at: (seconds) => `STRFTIME('%Y-%m-%d %H:%M:%f', 'now', (${seconds}) || ' seconds')`,
  },
  postgres: {
    numbers: (count) => `GENERATE_SERIES(1, ${count}) AS s(n)`,
    id: 'GEN_RANDOM_UUID()::text',
    hash: `MD5(RANDOM()::text || n) || ${HEX}`,
    ordered: `LPAD(n::text, 8, '0') || MD5(RANDOM()::text || n) || 'abc'`,
    at: (seconds) => `CURRENT_TIMESTAMP + (${seconds}) * INTERVAL '1 second'`,
  },
  mysql: {
    numbers: (count) => `(SELECT CAST(seq AS SIGNED) AS n FROM seq_1_to_${count}) s`,
    id: 'UUID()',
    hash: `CONCAT(MD5(CONCAT(RAND(), n)), ${HEX})`,
    ordered: `CONCAT(LPAD(n, 8, '0'), MD5(CONCAT(RAND(), n)), 'abc')`,
    at: (seconds) => `CURRENT_TIMESTAMP(3) + INTERVAL (${seconds}) SECOND`,
  },
};

const DAY = 86_400;

/** The columns of each table besides `id`, `created_at` and `expires_at`. */
const TABLES: Record<
  string,
  { share: number; columns: (words: Words, account: string) => Record<string, string> }
> = {
  T_access_tokens: {
    share: 0.4,
    columns: ({ ordered, id }, account_id) => ({
      token_hash: ordered,
      kind: "'access_token'",
      account_id,
      client_id: "'x'",
      grant_id: id,
      scope: "'openid'",
      payload: `'{"kind":"AccessToken","iat":1800000000,"exp":1800003600,"scope":"openid profile email","gty":"refresh_token"}'`,
    }),
  },
  T_refresh_tokens: {
    share: 0.2,
    columns: ({ ordered, id }, account_id) => ({
      token_hash: ordered,
      account_id,
      client_id: "'x'",
      grant_id: id,
      scope: "'openid'",
      payload: "'{}'",
    }),
  },
  T_authorization_requests: {
    share: 0.15,
    columns: ({ hash }, account_id) => ({
      uid_hash: hash,
      client_id: "'x'",
      account_id,
      redirect_uri: "'x'",
      scope: "'openid'",
      response_type: "'code'",
      status: "'approved'",
      payload: "'{}'",
    }),
  },
  T_authorization_codes: {
    share: 0.15,
    columns: ({ ordered, id }, account_id) => ({
      code_hash: ordered,
      account_id,
      client_id: "'x'",
      grant_id: id,
      redirect_uri: "'x'",
      scope: "'openid'",
      response_type: "'code'",
      payload: "'{}'",
    }),
  },
  T_user_sessions: {
    share: 0.1,
    columns: ({ hash, id }, account_id) => ({
      token_hash: hash,
      uid: id,
      account_id,
      authorizations: "'{}'",
      payload: "'{}'",
      is_active: 'true',
    }),
  },
};

/**
 * Fills the tables that grow with requests, using SQL only.
 * @param accounts how many accounts to create for the rows
 */
export async function fillMany(
  { knex, engine }: Database,
  { live, expired }: Filling,
  accounts = 10_000,
): Promise<void> {
  const words = WORDS[engine];
  const insert = (table: string, row: Record<string, string>, count: number) =>
    knex.raw(
      `INSERT INTO ${table} (${Object.keys(row).join(', ')}) SELECT ${Object.values(row).join(', ')} FROM ${words.numbers(count)}`,
    );
  const text = (number: string) =>
    engine === 'mysql' ? `CONCAT('bench-', ${number})` : `'bench-' || (${number})`;
  const now = words.at('0');
  const account = {
    id: text('n'),
    created_at: now,
    username: text('n'),
    email_verified: 'false',
    scopes: "'[]'",
    is_active: 'true',
  };
  await insert('T_accounts', account, accounts);
  for (const [table, { share, columns }] of Object.entries(TABLES)) {
    for (const [count, seconds] of [
      [live, `${DAY} + n`],
      [expired, `-${90 * DAY} - n`],
    ] as const) {
      const own = columns(words, text(`n % ${accounts} + 1`));
      const row = { id: words.id, created_at: now, ...own, expires_at: words.at(seconds) };
      await insert(table, row, Math.round(count * share));
    }
  }
  if (engine === 'mysql')
    for (const table of [...Object.keys(TABLES), 'T_accounts']) await knex.raw(`ANALYZE TABLE ${table}`);
  else await knex.raw('ANALYZE');
}
