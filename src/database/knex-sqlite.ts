import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { requireSameFile } from './driver/sqlite-identity.ts';
import { waitForFile } from './driver/sqlite-locks.ts';
import { toText } from './instants.ts';

interface Query {
  sql: string;
}

const READ = /^(select|pragma|rollback)/i;

/**
 * Knex's dialect with four changes. A `Date` is bound as text that sorts and compares like CURRENT_TIMESTAMP: the
 * library would bind milliseconds, which SQLite takes to be smaller than any text. A transaction takes the write lock at
 * its start, so that two processes wait for each other instead of failing half-way. That wait does not block this
 * process. And nothing is written to a file that was deleted.
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

  override async _query(connection: object, query: Query): Promise<unknown> {
    if (query.sql === 'BEGIN;') query.sql = 'BEGIN IMMEDIATE;';
    if (!READ.test(query.sql)) requireSameFile(connection);
    return waitForFile(connection, () => super._query(connection, query));
  }
}
