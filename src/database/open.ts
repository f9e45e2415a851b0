import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import knexFactory, { type Knex } from 'knex';
import { DEADLINE_MS, type Driver, failFast, withDeadline } from './driver/contract.ts';
import { createMysqlDriver, MYSQL_ISOLATION, mysqlSession } from './driver/mysql.ts';
import { createPostgresDriver } from './driver/postgres.ts';
import { createSqliteDriver } from './driver/sqlite.ts';
import { BUSY_MS, SqliteDialect } from './knex-sqlite.ts';
import type { Engine } from './writes.ts';

export interface Database {
  engine: Engine;
  /** Administration, services and migrations. What runs in a transaction takes the transaction. */
  knex: Knex;
  /** The engine's storage and whatever else each request needs; opened at its first use. */
  driver: Driver;
  /** @throws LatchkeyError unavailable within DEADLINE_MS */
  ping(): Promise<void>;
  close(): Promise<void>;
}

interface MysqlConnection {
  query(sql: string, done: (error: unknown) => void): void;
}

export function engineOf(url: string): Engine {
  if (url.startsWith('sqlite:')) return 'sqlite';
  return /^postgres/.test(url) ? 'postgres' : 'mysql';
}

/** The file of `sqlite:path` or `sqlite:///absolute/path`. */
export function sqliteFile(url: string): string {
  return resolve(url.replace(/^sqlite:(\/\/)?/, ''));
}

/** Knex's configuration for a database URL: one pool, UTC, and names as the documentation prints them. */
export function knexConfig(url: string, poolSize = 10): Knex.Config {
  const engine = engineOf(url);
  if (engine === 'sqlite') {
    const filename = sqliteFile(url);
    mkdirSync(dirname(filename), { recursive: true });
    return {
      client: SqliteDialect as unknown as typeof Knex.Client,
      connection: { filename },
      useNullAsDefault: true,
      pool: {
        min: 1,
        max: 1,
        afterCreate(
          connection: { pragma(sql: string): void },
          done: (error: unknown, connection: unknown) => void,
        ) {
          for (const pragma of [
            // Two processes that open a new file both turn it to WAL.
            `busy_timeout = ${DEADLINE_MS}`,
            'journal_mode = WAL',
            'synchronous = FULL',
            'foreign_keys = ON',
            'wal_autocheckpoint = 4000',
            'cache_size = -32768',
            `busy_timeout = ${BUSY_MS}`,
          ]) {
            connection.pragma(pragma);
          }
          done(null, connection);
        },
      },
    };
  }
  // Who migrates holds a lock on one connection and works on another.
  const pool = { min: 0, max: Math.max(2, poolSize) };
  if (engine === 'postgres') {
    return {
      client: 'pg',
      connection: {
        connectionString: url,
        connectionTimeoutMillis: DEADLINE_MS,
        application_name: 'latchkey',
      },
      // PostgreSQL folds unquoted names: made lower-case, the very same SQL runs in psql as printed.
      wrapIdentifier: (value, original) => original(value.toLowerCase()),
      acquireConnectionTimeout: DEADLINE_MS,
      pool,
    };
  }
  return {
    client: 'mysql2',
    connection: { uri: url.replace(/^mariadb:/, 'mysql:'), timezone: 'Z', connectTimeout: DEADLINE_MS },
    acquireConnectionTimeout: DEADLINE_MS,
    pool: {
      ...pool,
      afterCreate(connection: MysqlConnection, done: (error: unknown, connection: unknown) => void) {
        // As PostgreSQL: under REPEATABLE READ those who look for a free name would wait for each other's gaps.
        connection.query(mysqlSession, (wrong) => {
          if (wrong) return done(wrong, connection);
          connection.query(MYSQL_ISOLATION, (error) => done(error, connection));
        });
      },
    },
  };
}

function createDriver(url: string, knex: Knex, poolSize: number): Driver {
  const engine = engineOf(url);
  if (engine === 'sqlite') return createSqliteDriver(knex, sqliteFile(url));
  return failFast(
    engine === 'postgres'
      ? createPostgresDriver(url, poolSize)
      : createMysqlDriver(url.replace(/^mariadb:/, 'mysql:'), poolSize),
  );
}

/** Opens the database of that URL; connections are made when they are first needed. */
export function openDatabase(url: string, poolSize = 10): Database {
  const knex = knexFactory(knexConfig(url, poolSize));
  let driver: Driver | undefined;
  const opened = () => (driver ??= createDriver(url, knex, poolSize));
  return {
    engine: engineOf(url),
    knex,
    driver: {
      readOne: (sql, values) => opened().readOne(sql, values),
      commit: (writes) => opened().commit(writes),
      close: async () => driver?.close(),
    },
    async ping() {
      // By the way that requests take; SQLite's may have no file yet.
      await (engineOf(url) === 'sqlite'
        ? withDeadline(Promise.resolve(knex.raw('SELECT 1')))
        : opened().readOne('SELECT 1', []));
    },
    async close() {
      await driver?.close();
      await knex.destroy();
    },
  };
}
