import type { Retention, RetentionRule } from '../config/retention.ts';
import { toDate } from '../database/instants.ts';
import type { Database } from '../database/open.ts';
import type { Engine } from '../database/statement-builders.ts';

/** SQL that every engine runs as it stands, except for `{30 days ago}` and `{in 1 hour}`; or a text for each engine. */
export type Sql = string | Record<Engine, string>;

/** @returns the text that one can paste into the engine's own command line */
export function toDialect(sql: Sql, engine: Engine): string {
  const text = typeof sql === 'string' ? sql : sql[engine];
  return text
    .replace(/\{(\d+) days? ago\}/g, (_, days) =>
      engine === 'sqlite'
        ? `STRFTIME('%Y-%m-%d %H:%M:%f', 'now', '-${days} days')`
        : `CURRENT_TIMESTAMP - INTERVAL '${days}' DAY`,
    )
    .replaceAll(
      '{in 1 hour}',
      engine === 'sqlite'
        ? "STRFTIME('%Y-%m-%d %H:%M:%f', 'now', '+1 hour')"
        : "CURRENT_TIMESTAMP + INTERVAL '1' HOUR",
    );
}

/** The rule's condition in SQL that `toDialect` makes executable. */
export function purgeCondition(
  { table, column, days, only }: RetentionRule,
  retention: Retention = {},
): string {
  const kept = retention[table] ?? days;
  const before = kept === 0 ? 'CURRENT_TIMESTAMP' : `{${kept} day${kept === 1 ? '' : 's'} ago}`;
  return `${column} < ${before}${only ? ` AND ${only}` : ''}`;
}

export type Cell = string | number | boolean | null;

/** Drivers return counts as numbers or text, and instants in several forms; the column's name shows which it is. */
function toCell(column: string, value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (/_(at|until|before)$/.test(column)) return toDate(value).toISOString();
  const text = String(value);
  if (typeof value === 'number' || typeof value === 'bigint' || /^\d{1,15}$/.test(text)) return Number(text);
  return text;
}

/** Runs a SELECT. @returns its rows, with the same values on every engine */
export async function selectRows({ knex, engine }: Database, sql: Sql): Promise<Record<string, Cell>[]> {
  const answer = await knex.raw(toDialect(sql, engine));
  const rows = engine === 'postgres' ? answer.rows : engine === 'mysql' ? answer[0] : answer;
  return (rows as Record<string, unknown>[]).map((row) =>
    Object.fromEntries(Object.entries(row).map(([column, value]) => [column, toCell(column, value)])),
  );
}
