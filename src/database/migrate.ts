import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';
import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';
import { engineOf, sqliteFile } from './engine-of-url.ts';
import { withoutDeadline } from './knex-deadline.ts';
import type { Database } from './open.ts';
import { createMigrationLock } from './sqlite-files.ts';
import type { Engine } from './statement-builders.ts';

/** MySQL's named locks are shared by all databases of the server, so the name contains the database. */
const MYSQL_LOCK = "SHA2(CONCAT('latchkey migration ', DATABASE()), 224)";

const directory = fileURLToPath(new URL('../../migrations/', import.meta.url));

interface Migration extends Knex.Migration {
  /** The tables that it creates. */
  tables?: string[];
  /** The columns that it adds to other tables. */
  columns?: [table: string, column: string][];
}

/** Loads a migration by its recorded name. */
export async function loadMigration(name: string): Promise<Migration> {
  const file = readdirSync(directory).find((entry) => entry.replace(/\.[tj]s$/, '') === name);
  return import(pathToFileURL(`${directory}${file}`).href);
}

const listMigrations = (): string[] =>
  readdirSync(directory)
    .filter((file) => /^\d+_.*\.(ts|js)$/.test(file) && !file.endsWith('.d.ts'))
    .map((file) => file.replace(/\.[tj]s$/, ''))
    .sort();

/** Migrations are recorded without their file ending, so that sources and compiled files share one history. */
export const migrationConfig = (engine: Engine): Knex.MigratorConfig => ({
  // Knex quotes this name as it is, and PostgreSQL folds it to lower case when it is typed by hand.
  tableName: engine === 'postgres' ? 't_migrations' : 'T_migrations',
  migrationSource: {
    getMigrations: async () => listMigrations(),
    getMigrationName: (name: string) => name,
    getMigration: loadMigration,
  },
});

/**
 * For production, where a wrong path must not create another database.
 * @throws LatchkeyError conflict when the file of SQLite is missing
 */
export async function requireDatabase(url: string): Promise<void> {
  if (engineOf(url) !== 'sqlite' || existsSync(sqliteFile(url))) return;
  throw new LatchkeyError(
    'conflict',
    'database_missing',
    `There is no database at ${sqliteFile(url)}. The schema is not current. ${adviceFor([], listMigrations(), [])}, or correct LATCHKEY_DATABASE_URL.`,
  );
}

export interface SchemaStatus {
  /** Whether every migration was applied completely. */
  current: boolean;
  applied: string[];
  pending: string[];
  /** Interrupted halfway on MySQL: pending ones that have tables already, and applied ones that lack some. */
  unfinished: string[];
  /** What to do when it is not current. */
  advice?: string;
}

/**
 * The migrations that a later version of this program has applied. While servers are upgraded one after another, those of
 * this version go on serving, and may be restarted.
 */
const listUnknown = (applied: string[]): string[] => {
  const known = new Set(listMigrations());
  return applied.filter((name) => !known.has(name));
};

/** @throws LatchkeyError conflict when the schema may be changed only by the command of a later version */
export async function refuseLaterSchema(database: Database): Promise<void> {
  const unknown = listUnknown(await listApplied(database));
  if (unknown.length === 0) return;
  throw new LatchkeyError(
    'conflict',
    'schema_of_later_version',
    `A later version of Latchkey has migrated this database (${unknown.join(', ')}). Run the command of that version. Nothing was changed.`,
  );
}

/** Only MySQL leaves a migration half done: on the others it is a transaction. */
async function findUnfinished(
  { engine, knex }: Database,
  applied: string[],
  pending: string[],
): Promise<string[]> {
  if (engine !== 'mysql') return [];
  const tablesExist = async (name: string): Promise<boolean[]> => {
    const { tables = [] } = await loadMigration(name);
    return Promise.all(tables.map((table) => knex.schema.hasTable(table)));
  };
  const unfinished: string[] = [];
  const unknown = listUnknown(applied);
  for (const name of applied.filter((one) => !unknown.includes(one)))
    if (!(await tablesExist(name)).every(Boolean)) unfinished.push(name);
  for (const name of pending) if ((await tablesExist(name)).some(Boolean)) unfinished.push(name);
  return unfinished;
}

const MIGRATE = 'Run: npx latchkey db migrate';

function adviceFor(applied: string[], pending: string[], unfinished: string[]): string | undefined {
  const [half] = unfinished;
  // A second rollback undoes it again, and drops only the tables that exist.
  if (half && applied.includes(half))
    return `A rollback of ${half} was interrupted. Run: npx latchkey db rollback, then npx latchkey db migrate`;
  if (half) return `The migration ${half} was interrupted. ${MIGRATE}`;
  if (pending.length === 0) return undefined;
  return `${pending.length === 1 ? '1 migration is' : `${pending.length} migrations are`} pending. ${MIGRATE}`;
}

/** Reads only: Knex's own list creates its tables, in which several servers that start at once would collide. */
async function listApplied({ engine, knex }: Database): Promise<string[]> {
  const { tableName = '' } = migrationConfig(engine);
  return (await knex.schema.hasTable(tableName)) ? knex(tableName).orderBy('id').pluck('name') : [];
}

/** Compares the migrations that were applied with those that exist. @throws the client library's error when the database is unavailable */
export async function readSchemaStatus(database: Database): Promise<SchemaStatus> {
  const applied = await listApplied(database);
  const pending = listMigrations().filter((name) => !applied.includes(name));
  const unfinished = await findUnfinished(database, applied, pending);
  const advice = adviceFor(applied, pending, unfinished);
  return { current: advice === undefined, applied, pending, unfinished, advice };
}

/** How many migrations are applied. */
export async function countMigrations({ engine, knex }: Database): Promise<number> {
  const [row] = await knex(migrationConfig(engine).tableName ?? '').count({ n: '*' });
  return Number(row?.n);
}

/**
 * Runs `work` while no other server migrates. The lock belongs to a connection, so the database itself releases it when
 * a server dies in the middle. Knex's own lock, a row, would then stay.
 */
async function withMigrationLock<T>(database: Database, url: string, work: () => Promise<T>): Promise<T> {
  const { engine, knex } = database;
  if (engine === 'sqlite') {
    const lock = new Sqlite(createMigrationLock(sqliteFile(url)), { timeout: 60_000 });
    lock.exec('BEGIN EXCLUSIVE');
    try {
      return await work();
    } finally {
      lock.close();
    }
  }
  return engine === 'postgres' ? withPostgresLock(knex, work) : withMysqlLock(knex, work);
}

/** Locks for a transaction, because a pooler may use several connections of the server for one session. */
function withPostgresLock<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  return knex.transaction(async (trx) => {
    await trx.raw('SET LOCAL lock_timeout = 60000; SELECT pg_advisory_xact_lock(7203401)');
    return work();
  });
}

async function withMysqlLock<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  const connection = await knex.client.acquireConnection();
  try {
    const answer = await knex.raw(`SELECT GET_LOCK(${MYSQL_LOCK}, 60) AS taken`).connection(connection);
    if (answer[0][0].taken !== 1)
      throw new LatchkeyError(
        'unavailable',
        'migration_running',
        'Another server is migrating the schema. Try again later.',
      );
    try {
      return await work();
    } finally {
      await knex.raw(`SELECT RELEASE_LOCK(${MYSQL_LOCK})`).connection(connection);
    }
  } finally {
    await knex.client.releaseConnection(connection);
  }
}

export async function migrate(
  database: Database,
  url: string,
  direction: 'latest' | 'down',
): Promise<string[]> {
  // Fails within the deadline if the server does not answer. The migration itself may take long, so it has no deadline.
  await database.ping();
  await refuseLaterSchema(database);
  return withoutDeadline(() => withMigrationLock(database, url, () => migrateLocked(database, direction)));
}

async function migrateLocked(database: Database, direction: 'latest' | 'down'): Promise<string[]> {
  // We hold the lock, so a lock row of Knex's was left by a server that died.
  const config = migrationConfig(database.engine);
  await database.knex.migrate.list(config);
  await database.knex.migrate.forceFreeMigrationsLock(config);
  const [, names] = await database.knex.migrate[direction](config);
  return names as string[];
}

/** Applies all pending migrations. @returns their names */
export async function migrateLatest(database: Database, url: string): Promise<string[]> {
  // Looked at before the lock: on a Galera cluster each member has its own, and servers start at several at once.
  const { tableName = '' } = migrationConfig(database.engine);
  const isCurrent =
    (await database.knex.schema.hasTable(tableName)) && (await readSchemaStatus(database)).current;
  return isCurrent ? [] : migrate(database, url, 'latest');
}
