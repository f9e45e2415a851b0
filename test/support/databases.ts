import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type mysql from 'mysql2/promise';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createSigningKeys } from '../../src/oidc/signing-keys/index.ts';
import { type EngineName, serverUrl } from './engines.ts';

/** The secrets of every server in the tests. */
export const SECRETS = ['c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1'];

export interface TestDatabase {
  url: string;
  engine: EngineName;
  drop(): Promise<void>;
}

/**
 * The file of the migrated SQLite database that `npm test` prepared for this run. The template on a database server
 * has the same name without `.sqlite`.
 */
const template = process.env.LATCHKEY_TEST_TEMPLATE;

/** Creates an empty database for one test. */
export async function createDatabase(engine: EngineName): Promise<TestDatabase> {
  if (engine === 'sqlite') return sqliteDatabase();
  const name = randomName('latchkey_test');
  await administer(engine, `CREATE DATABASE ${name}`);
  return serverDatabase(engine, name);
}

/** Creates a database for one test, with the current schema and signing keys. */
export async function createMigratedDatabase(engine: EngineName): Promise<TestDatabase> {
  if (!template) {
    const database = await createDatabase(engine);
    await migrate(database);
    return database;
  }
  if (engine === 'sqlite') {
    const database = sqliteDatabase();
    copyFileSync(template, database.url.slice('sqlite:'.length));
    return database;
  }
  const name = randomName('latchkey_test');
  const from = basename(template, '.sqlite');
  // Otherwise PostgreSQL writes each page of the template to its log, which takes twice as long.
  if (engine === 'postgres')
    await administer(engine, `CREATE DATABASE ${name} TEMPLATE ${from} STRATEGY FILE_COPY`);
  else await administer(engine, await copyStatements(engine, from, name));
  return serverDatabase(engine, name);
}

/** Prepares the databases that `createMigratedDatabase` copies. @returns the value of LATCHKEY_TEST_TEMPLATE */
export async function prepareTemplates(engines: EngineName[], folder: string) {
  const name = randomName('latchkey_template');
  const file = join(folder, `${name}.sqlite`);
  const databases = await Promise.all(
    engines.map(async (engine): Promise<TestDatabase> => {
      if (engine === 'sqlite') return { engine, url: `sqlite:${file}`, drop: async () => {} };
      await administer(engine, `CREATE DATABASE ${name}`);
      return serverDatabase(engine, name);
    }),
  );
  await Promise.all(databases.map(migrate));
  return { file, drop: () => Promise.all(databases.map((database) => database.drop())) };
}

async function migrate({ url }: TestDatabase): Promise<void> {
  const database = openDatabase(url, 2);
  await migrateLatest(database, url);
  await createSigningKeys({ knex: database.knex, secrets: createSecrets(SECRETS), keepFor: 0 }).load();
  await database.close();
}

const randomName = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

function sqliteDatabase(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  return {
    engine: 'sqlite',
    url: `sqlite:${folder}/test.sqlite`,
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

function serverDatabase(engine: Exclude<EngineName, 'sqlite'>, name: string): TestDatabase {
  const url = serverUrl(engine);
  url.pathname = `/${name}`;
  const force = engine === 'postgres' ? ' WITH (FORCE)' : '';
  return { engine, url: url.href, drop: () => administer(engine, `DROP DATABASE ${name}${force}`) };
}

async function administer(engine: Exclude<EngineName, 'sqlite'>, sql: string): Promise<void> {
  if (engine !== 'postgres')
    return withMysql(engine, async (connection) => void (await connection.query(sql)));
  const { Client } = await import('pg');
  const client = new Client({ connectionString: serverUrl(engine).href });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function withMysql<T>(
  engine: 'mariadb' | 'mysql',
  work: (connection: mysql.Connection) => Promise<T>,
): Promise<T> {
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection({ uri: serverUrl(engine).href, multipleStatements: true });
  return work(connection).finally(() => connection.end());
}

type Tables = { name: string; create: string; isEmpty: boolean }[];
const templateTables = new Map<EngineName, Promise<Tables>>();

function readTables(engine: 'mariadb' | 'mysql', from: string): Promise<Tables> {
  return withMysql(engine, async (connection) => {
    const [tables] = await connection.query<mysql.RowDataPacket[]>(`SHOW TABLES FROM ${from}`);
    const read: Tables = [];
    for (const name of tables.flatMap((row) => Object.values(row))) {
      const [[row]] = await connection.query<mysql.RowDataPacket[]>(`SHOW CREATE TABLE ${from}.${name}`);
      const [rows] = await connection.query<mysql.RowDataPacket[]>(`SELECT 1 FROM ${from}.${name} LIMIT 1`);
      read.push({ name, create: row?.['Create Table'], isEmpty: rows.length === 0 });
    }
    return read;
  });
}

/** MySQL has no templates: the same tables are created in one round trip, and filled from the template. */
async function copyStatements(engine: 'mariadb' | 'mysql', from: string, to: string): Promise<string> {
  const reading = templateTables.get(engine) ?? readTables(engine, from);
  templateTables.set(engine, reading);
  const copied = (await reading).flatMap(({ name, create, isEmpty }) =>
    isEmpty ? [create] : [create, `INSERT INTO ${name} SELECT * FROM ${from}.${name}`],
  );
  return ['SET foreign_key_checks = 0', `CREATE DATABASE ${to}`, `USE ${to}`, ...copied].join(';\n');
}
