import assert from 'node:assert/strict';
import type { Database } from '../../src/database/open.ts';

export type Dump = Record<string, Record<string, unknown>[]>;

const NAMES = {
  sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  postgres: "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
  mysql: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
};

/** The tables of Latchkey, without Knex's own two. */
export async function tableNames({ engine, knex }: Database): Promise<string[]> {
  const answer = await knex.raw(NAMES[engine]);
  const rows = (engine === 'postgres' ? answer.rows : engine === 'mysql' ? answer[0] : answer) as {
    name: string;
  }[];
  return rows.map(({ name }) => name).filter((name) => !/^t_migrations/i.test(name));
}

/**
 * Writes a row, with a value for each column that must not be NULL.
 * @param row the id, and the columns that matter. Required foreign keys refer to the same id unless it sets them
 */
export async function fill(
  { knex }: Database,
  table: string,
  { id, ...given }: { id: string; [column: string]: unknown },
): Promise<void> {
  const columns = Object.entries(await knex(table).columnInfo());
  assert.ok(columns.length > 0, table);
  const row: Record<string, unknown> = {};
  for (const [name, { type, nullable, maxLength }] of columns) {
    if (nullable) continue;
    if (/char|text/.test(type) && !/_at$/.test(name)) row[name] = id.slice(0, Number(maxLength) || undefined);
    else row[name] = /_at$/.test(name) ? new Date() : /bool/.test(type) ? true : 1;
  }
  await knex(table).insert({ ...row, ...given });
}

/** Every row of every table. */
export async function dump(database: Database): Promise<Dump> {
  const tables: Dump = {};
  for (const name of await tableNames(database)) tables[name] = await database.knex(name);
  return tables;
}

/** The forms in which a text may contain a value: as it is, or in a common encoding. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    // Inside a longer text, base64 depends on the position. This is the part that stays the same.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(Math.ceil((shift * 8) / 6), -1);
  });
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...new Set([secret, encodeURIComponent(secret), bytes.toString('hex'), ...base64, ...url])];
}

/** @returns the names, never the values, of the secrets that the text contains in any form */
export function found(text: string, secrets: Map<string, string>): string[] {
  return [...secrets]
    .filter(([, secret]) => forms(secret).some((form) => text.includes(form)))
    .map(([what]) => what);
}

/** How many rows each table has. */
export async function countRows(database: Database): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of (await tableNames(database)).sort()) {
    const row = await database.knex(table).count({ n: '*' }).first();
    counts[table.replace(/^t_/, 'T_')] = Number(row?.n);
  }
  return counts;
}
