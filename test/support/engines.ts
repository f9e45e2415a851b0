import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knex from 'knex';

export type EngineName = 'sqlite' | 'postgres' | 'mariadb';

const DEFAULTS = {
  postgres: 'postgres://root@127.0.0.1:5432/test',
  mariadb: 'mysql://root@127.0.0.1:3306/test',
};

/** The engines that `npm test` found; a single file run by hand takes SQLite. */
export const engines = (process.env.LATCHKEY_TEST_ENGINES ?? 'sqlite').split(',') as EngineName[];

/** Where the servers are: LATCHKEY_TEST_POSTGRES and LATCHKEY_TEST_MYSQL, or this machine's. */
export const adminUrls: Record<Exclude<EngineName, 'sqlite'>, string> = {
  postgres: process.env.LATCHKEY_TEST_POSTGRES ?? DEFAULTS.postgres,
  mariadb: process.env.LATCHKEY_TEST_MYSQL ?? DEFAULTS.mariadb,
};

export interface TestDatabase {
  url: string;
  engine: EngineName;
  drop(): Promise<void>;
}

/** A database of a test's own, empty, on that engine. */
export async function createDatabase(engine: EngineName): Promise<TestDatabase> {
  const name = `latchkey_test_${randomBytes(6).toString('hex')}`;
  if (engine === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
    return {
      engine,
      url: `sqlite:${folder}/test.sqlite`,
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    };
  }
  const admin = new URL(adminUrls[engine]);
  const client = engine === 'postgres' ? 'pg' : 'mysql2';
  const run = async (sql: string) => {
    const connection = knex({ client, connection: admin.href });
    await connection.raw(sql).finally(() => connection.destroy());
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  const force = engine === 'postgres' ? ' WITH (FORCE)' : '';
  return { engine, url: url.href, drop: () => run(`DROP DATABASE ${name}${force}`) };
}
