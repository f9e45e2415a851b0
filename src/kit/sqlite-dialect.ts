import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { toText } from './instants.ts';

interface Query {
  sql: string;
}

/**
 * Knex's dialect with two traps taken out: a `Date` is bound as text that sorts and compares like
 * CURRENT_TIMESTAMP (the driver's epoch milliseconds are smaller than any text), and a transaction takes the
 * write lock at its start, so that two processes wait for each other instead of failing half-way.
 */
export class SqliteDialect extends (BetterSqlite as unknown as {
  new (config: unknown): { _query(connection: unknown, query: Query): Promise<unknown> };
}) {
  _formatBindings(bindings: unknown[] | undefined): unknown[] {
    return (bindings ?? []).map((value) => {
      if (value instanceof Date) return toText(value);
      return typeof value === 'boolean' ? Number(value) : value;
    });
  }

  override _query(connection: unknown, query: Query): Promise<unknown> {
    return super._query(
      connection,
      query.sql === 'BEGIN;' ? Object.assign(query, { sql: 'BEGIN IMMEDIATE;' }) : query,
    );
  }
}
