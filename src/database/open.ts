import knexFactory, { type Knex } from 'knex';
import type { Driver } from './driver/contract.ts';
import { failFast, withDeadline } from './driver/deadline.ts';
import { createMysqlDriver } from './driver/mysql.ts';
import { createPostgresDriver } from './driver/postgres.ts';
import { createSqliteDriver } from './driver/sqlite.ts';
import { engineOf, knexConfig, mysqlUrl, sqliteFile } from './knex.ts';
import { type Engine, selectOne } from './statements.ts';

export interface Database {
  engine: Engine;
  /** For services, administration and migrations. What runs in a transaction takes the transaction instead. */
  knex: Knex;
  /** For what every request needs, above all the engine's storage. It connects at its first use. */
  driver: Driver;
  /** @throws LatchkeyError unavailable within DEADLINE_MS */
  ping(): Promise<void>;
  close(): Promise<void>;
}

function createDriver(url: string, knex: Knex, poolSize: number): Driver {
  const engine = engineOf(url);
  if (engine === 'sqlite') return createSqliteDriver(knex, sqliteFile(url));
  return failFast(
    engine === 'postgres' ? createPostgresDriver(url, poolSize) : createMysqlDriver(mysqlUrl(url), poolSize),
  );
}

const PING = selectOne({ columns: '1 AS one' });

/** Opens the database of that URL. Connections are made when they are first needed. */
export function openDatabase(url: string, poolSize = 10): Database {
  const engine = engineOf(url);
  const knex = knexFactory(knexConfig(url, poolSize));
  let opened: Driver | undefined;
  const driver = () => (opened ??= createDriver(url, knex, poolSize));
  return {
    engine,
    knex,
    driver: {
      readOne: (statement, values) => driver().readOne(statement, values),
      commit: (writes) => driver().commit(writes),
      close: async () => opened?.close(),
    },
    async ping() {
      // On the connections that requests use. SQLite's driver needs the file, which Knex creates.
      await (engine === 'sqlite'
        ? withDeadline(Promise.resolve(knex.raw('SELECT 1')))
        : driver().readOne(PING, {}));
    },
    async close() {
      await opened?.close();
      await knex.destroy();
    },
  };
}
