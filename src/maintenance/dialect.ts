import { toDate } from '../database/instants.ts';
import type { Database } from '../database/open.ts';
import type { Engine } from '../database/writes.ts';

/** SQL that runs as it is on every engine but for `{30 days ago}`, or a text for each. */
export type Sql = string | Record<Engine, string>;

/** @returns the very text that a person types into that engine's own command line */
export function inDialect(sql: Sql, engine: Engine): string {
  const text = typeof sql === 'string' ? sql : sql[engine];
  return text.replace(/\{(\d+) days ago\}/g, (_, days) =>
    engine === 'sqlite'
      ? `STRFTIME('%Y-%m-%d %H:%M:%f', 'now', '-${days} days')`
      : `CURRENT_TIMESTAMP - INTERVAL '${days}' DAY`,
  );
}

export type Cell = string | number | boolean | null;

/** Counts come as text from some drivers, and instants in a form of each engine's own. */
function cell(name: string, value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (/_(at|until|before)$/.test(name)) return toDate(value).toISOString();
  const text = String(value);
  if (typeof value === 'number' || typeof value === 'bigint' || /^\d{1,15}$/.test(text)) return Number(text);
  return text;
}

/** Runs a SELECT. @returns its rows, with the same values on every engine */
export async function select({ knex, engine }: Database, sql: Sql): Promise<Record<string, Cell>[]> {
  const answer = await knex.raw(inDialect(sql, engine));
  const rows = engine === 'postgres' ? answer.rows : engine === 'mysql' ? answer[0] : answer;
  return (rows as Record<string, unknown>[]).map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(name, value)])),
  );
}
