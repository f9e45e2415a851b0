import type { Knex } from 'knex';
import { readConnectionUrl } from '../kit/connection-url-tls.ts';
import { MYSQL_SESSION, mysqlConnection } from './driver/mysql-session.ts';
import { postgresSession } from './driver/postgres-session.ts';
import { rememberFile } from './driver/sqlite-identity.ts';
import { BUSY_MS } from './driver/sqlite-locks.ts';
import { engineOf, sqliteFile } from './engine-of-url.ts';
import { dialectWithDeadline } from './knex-deadline.ts';
import { SqliteDialect } from './knex-sqlite.ts';
import { createSqliteFile } from './sqlite-files.ts';
import { DEADLINE_MS } from './time-limits.ts';

/**
 * Knex prints warnings to standard output, where they would break the JSON of a command. It also throws the errors among
 * them, such as a failed connection, and those are logged by whoever catches them.
 */
const log = { warn() {}, error() {} };

type Done = (error: unknown, connection: unknown) => void;

const PRAGMAS = [
  // Only a new file takes this: deleted rows can then give their pages back.
  'auto_vacuum = INCREMENTAL',
  // For the switch to WAL only (the last line sets the final value): of two processes that open a new file at once, the
  // later one must wait.
  `busy_timeout = ${DEADLINE_MS}`,
  'journal_mode = WAL',
  'synchronous = FULL',
  'foreign_keys = ON',
  'wal_autocheckpoint = 4000',
  'cache_size = -32768',
  `busy_timeout = ${BUSY_MS}`,
];

function sqliteConfig(url: string): Knex.Config {
  const filename = sqliteFile(url);
  createSqliteFile(filename);
  return {
    client: SqliteDialect as unknown as typeof Knex.Client,
    log,
    connection: { filename },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: { pragma(sql: string): void }, done: Done) {
        for (const pragma of PRAGMAS) connection.pragma(pragma);
        rememberFile(connection, filename);
        done(null, connection);
      },
    },
  };
}

function postgresConfig(url: string, pool: Knex.PoolConfig, onLimit?: () => void): Knex.Config {
  const { url: connectionString, tls = false } = readConnectionUrl(url);
  return {
    client: dialectWithDeadline('postgres', onLimit),
    log,
    connection: {
      connectionString,
      ssl: tls,
      connectionTimeoutMillis: DEADLINE_MS,
      application_name: 'latchkey',
    },
    // PostgreSQL folds unquoted names to lower case. With quoted names folded too, printed SQL also runs in psql.
    wrapIdentifier: (value, original) => original(value.toLowerCase()),
    acquireConnectionTimeout: DEADLINE_MS,
    pool: {
      ...pool,
      afterCreate(connection: ServerConnection, done: Done) {
        connection.query(postgresSession(), (error) => done(error, connection));
      },
    },
  };
}

interface ServerConnection {
  query(sql: string, done: (error: unknown) => void): void;
}

function mysqlConfig(url: string, pool: Knex.PoolConfig, onLimit?: () => void): Knex.Config {
  return {
    client: dialectWithDeadline('mysql2', onLimit),
    log,
    connection: { ...mysqlConnection(url), connectTimeout: DEADLINE_MS },
    acquireConnectionTimeout: DEADLINE_MS,
    pool: {
      ...pool,
      afterCreate(connection: ServerConnection, done: Done) {
        // Each is answered in its turn, so the last one's answer is enough.
        let failure: unknown;
        for (const [index, statement] of MYSQL_SESSION.entries())
          connection.query(statement, (error) => {
            failure ??= error;
            if (index === MYSQL_SESSION.length - 1) done(failure, connection);
          });
      },
    },
  };
}

/**
 * Knex's configuration for a database URL: one pool, UTC, and names as the documentation prints them.
 * @param onLimit called while the server allows no other connection
 */
export function knexConfig(url: string, poolSize = 10, onLimit?: () => void): Knex.Config {
  const engine = engineOf(url);
  if (engine === 'sqlite') return sqliteConfig(url);
  // A migration holds its lock on one connection and works on another.
  const pool = { min: 0, max: Math.max(2, poolSize) };
  return engine === 'postgres' ? postgresConfig(url, pool, onLimit) : mysqlConfig(url, pool, onLimit);
}
