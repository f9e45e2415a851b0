import knexFactory, { type Knex } from 'knex';
import type { Driver } from './driver/contract.ts';
import { failFast, withDeadline } from './driver/deadline.ts';
import { settled } from './driver/settle.ts';
import { createSqliteDriver } from './driver/sqlite.ts';
import { engineOf, sqliteFile } from './engine-of-url.ts';
import { knexConfig } from './knex.ts';
import { type Engine, selectOne } from './statement-builders.ts';
import { CommitOutcomes, type FindWriteFault, watchServer, watchSqliteFile } from './write-faults.ts';

export interface Database {
  engine: Engine;
  /** For services, administration and migrations. What runs in a transaction takes the transaction instead. */
  knex: Knex;
  /** For what every request needs, above all the engine's storage. It connects at its first use. */
  driver: Driver;
  /** Why nothing can be written, such as "its disk is full". Writes nothing. @throws when the database is unavailable */
  findWriteFault: FindWriteFault;
  /** @throws LatchkeyError unavailable within DEADLINE_MS */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Loads only the client library of that engine: the others would take 20 to 40 MB of memory and 0.1 s of start-up. */
async function createDriver(url: string, knex: Knex, poolSize: number): Promise<Driver> {
  const engine = engineOf(url);
  if (engine === 'sqlite') return createSqliteDriver(knex, sqliteFile(url));
  if (engine === 'postgres') {
    const { createPostgresDriver } = await import('./driver/postgres.ts');
    return settled(failFast(createPostgresDriver(url, poolSize)));
  }
  const { createMysqlDriver } = await import('./driver/mysql.ts');
  return settled(failFast(createMysqlDriver(url, poolSize)));
}

const PING = selectOne({ columns: '1 AS one' });

/** Opens the database of that URL. Connections are made when they are first needed. */
export function openDatabase(url: string, poolSize = 10): Database {
  const engine = engineOf(url);
  let opening: Promise<Driver> | undefined;
  let opened: Driver | undefined;
  const knex = knexFactory(knexConfig(url, poolSize, () => opened?.shrink?.()));
  const outcomes = new CommitOutcomes();
  const findFault = engine === 'sqlite' ? watchSqliteFile(sqliteFile(url)) : watchServer(engine, knex);
  const open = () =>
    (opening ??= createDriver(url, knex, poolSize).then((driver) => {
      opened = driver;
      return driver;
    }));
  const driver: Driver = {
    // `await open()` each time would add two turns of the microtask queue to every statement.
    readOne: (statement, values) =>
      opened ? opened.readOne(statement, values) : open().then((first) => first.readOne(statement, values)),
    commit: (writes) =>
      (opened ? opened.commit(writes) : open().then((first) => first.commit(writes))).then(
        outcomes.recordSuccess,
        outcomes.recordFailure,
      ),
    close: async () => (await opening)?.close(),
  };
  return {
    engine,
    knex,
    driver,
    // What is found now names the cause better than the code of a commit that failed.
    findWriteFault: async () => (await findFault()) ?? outcomes.reason,
    async ping() {
      // On the connections that requests use. SQLite's driver needs the file, which Knex creates.
      await (engine === 'sqlite'
        ? withDeadline(Promise.resolve(knex.raw('SELECT 1')))
        : driver.readOne(PING, {}));
    },
    async close() {
      await driver.close();
      await knex.destroy();
    },
  };
}
