import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';
import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';
import { sqliteFile } from './knex.ts';
import type { Database } from './open.ts';
import type { Engine } from './statements.ts';

/** MySQL's named locks are the server's; this one is the database's. */
const MYSQL_LOCK = "SHA2(CONCAT('latchkey migration ', DATABASE()), 224)";

const directory = fileURLToPath(new URL('../../migrations/', import.meta.url));

/** A migration by its recorded name: `up`, `down`, and the `tables` that it makes. */
async function migration(name: string): Promise<Knex.Migration & { tables?: string[] }> {
  const file = readdirSync(directory).find((entry) => entry.replace(/\.[tj]s$/, '') === name);
  return import(pathToFileURL(`${directory}${file}`).href);
}

/** Names without file ending, so that the same history serves the sources and a built tree. */
export const migrationConfig = (engine: Engine): Knex.MigratorConfig => ({
  // Knex quotes these two names as they are, and PostgreSQL folds them when somebody asks by hand.
  tableName: engine === 'postgres' ? 't_migrations' : 'T_migrations',
  migrationSource: {
    getMigrations: async () =>
      readdirSync(directory)
        .filter((file) => /^\d+_.*\.(ts|js)$/.test(file) && !file.endsWith('.d.ts'))
        .map((file) => file.replace(/\.[tj]s$/, ''))
        .sort(),
    getMigrationName: (name: string) => name,
    getMigration: migration,
  },
});

export interface SchemaStatus {
  /** Every migration was applied, and whole. */
  current: boolean;
  applied: string[];
  pending: string[];
  /** Pending ones that have tables already, applied ones that lack some: what died halfway on MySQL. */
  unfinished: string[];
  /** What to do when it is not current. */
  advice?: string;
}

/** Elsewhere a migration is a transaction. */
async function unfinishedOf(
  { engine, knex }: Database,
  applied: string[],
  pending: string[],
): Promise<string[]> {
  if (engine !== 'mysql') return [];
  const there = async (name: string): Promise<boolean[]> => {
    const { tables = [] } = await migration(name);
    return Promise.all(tables.map((table) => knex.schema.hasTable(table)));
  };
  const unfinished: string[] = [];
  for (const name of applied) if (!(await there(name)).every(Boolean)) unfinished.push(name);
  for (const name of pending) if ((await there(name)).some(Boolean)) unfinished.push(name);
  return unfinished;
}

const MIGRATE = 'Run: npx latchkey db migrate';

function adviceFor(applied: string[], pending: string[], unfinished: string[]): string | undefined {
  const [half] = unfinished;
  // A rollback takes back the last batch again, and drops only what is there.
  if (half && applied.includes(half))
    return `A rollback of ${half} did not come to its end. Run: npx latchkey db rollback, then npx latchkey db migrate`;
  if (half) return `The migration ${half} did not come to its end. ${MIGRATE}`;
  return pending.length > 0 ? `${pending.length} migration(s) pending. ${MIGRATE}` : undefined;
}

/** Which migrations the database has and lacks. @throws LatchkeyError or the driver's error when it is away */
export async function schemaStatus(database: Database): Promise<SchemaStatus> {
  const [rows, pending] = (await database.knex.migrate.list(migrationConfig(database.engine))) as [
    { name: string }[],
    string[],
  ];
  const applied = rows.map(({ name }) => name);
  const unfinished = await unfinishedOf(database, applied, pending);
  const advice = adviceFor(applied, pending, unfinished);
  return { current: advice === undefined, applied, pending, unfinished, advice };
}

/**
 * Runs `work` while no other server migrates. The lock belongs to a connection, so that the database itself
 * frees it when a server dies in the middle; Knex's own lock row would then stay for ever.
 */
async function exclusively<T>(database: Database, url: string, work: () => Promise<T>): Promise<T> {
  const { engine, knex } = database;
  if (engine === 'sqlite') {
    const lock = new Sqlite(`${sqliteFile(url)}-migration-lock`, { timeout: 60_000 });
    lock.exec('BEGIN EXCLUSIVE');
    try {
      return await work();
    } finally {
      lock.close();
    }
  }
  const take =
    engine === 'postgres'
      ? 'SELECT pg_advisory_lock(7203401)'
      : `SELECT GET_LOCK(${MYSQL_LOCK}, 60) AS taken`;
  const free =
    engine === 'postgres' ? 'SELECT pg_advisory_unlock(7203401)' : `SELECT RELEASE_LOCK(${MYSQL_LOCK})`;
  const connection = await knex.client.acquireConnection();
  try {
    const answer = await knex.raw(take).connection(connection);
    if (engine === 'mysql' && answer[0][0].taken !== 1)
      throw new LatchkeyError(
        'unavailable',
        'migration_running',
        'Another server is migrating the schema. Try again later.',
      );
    try {
      return await work();
    } finally {
      await knex.raw(free).connection(connection);
    }
  } finally {
    await knex.client.releaseConnection(connection);
  }
}

async function migrate(database: Database, url: string, direction: 'latest' | 'rollback'): Promise<string[]> {
  return exclusively(database, url, async () => {
    // We hold the real lock: a lock row of Knex's was left by a server that died.
    const config = migrationConfig(database.engine);
    await database.knex.migrate.list(config);
    await database.knex.migrate.forceFreeMigrationsLock(config);
    const [, names] = await database.knex.migrate[direction](config);
    return names as string[];
  });
}

/** Brings the schema forward. @returns the names of the migrations that ran */
export const migrateLatest = (database: Database, url: string) => migrate(database, url, 'latest');

/** Takes back the last batch. @returns the names of the migrations that were undone */
export const migrateRollback = (database: Database, url: string) => migrate(database, url, 'rollback');
