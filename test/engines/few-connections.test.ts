import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../src/database/open.ts';
import { insertInto, selectOne } from '../../src/database/statement-builders.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';

const INSERT = insertInto('T_rate_limits', ['id', 'key_hash', 'points', 'expires_at', 'created_at']);
const ONE = selectOne({ columns: '1 AS one' });
const LIMIT = 3;

/** @returns the URL of the same database for a user who may have only LIMIT connections */
async function limitUser(engine: string, url: string): Promise<string> {
  const database = openDatabase(url, 1);
  const name = `few_${uuidv7().slice(-12)}`;
  const statements =
    engine === 'postgres'
      ? [
          `CREATE ROLE ${name} LOGIN CONNECTION LIMIT ${LIMIT}`,
          `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`,
        ]
      : [
          `CREATE USER ${name} WITH MAX_USER_CONNECTIONS ${LIMIT}`,
          `GRANT ALL ON ${new URL(url).pathname.slice(1)}.* TO ${name}`,
        ];
  for (const sql of statements) await database.knex.raw(sql);
  await database.close();
  const limited = new URL(url);
  [limited.username, limited.password] = [name, ''];
  return limited.href;
}

describe('a database that allows fewer connections than the pools would open', () => {
  for (const engine of engines.filter((one) => one !== 'sqlite'))
    test(`makes requests wait for one of them, and none fails, on ${engine}`, async (t) => {
      const { url, drop } = await createMigratedDatabase(engine);
      const database = openDatabase(await limitUser(engine, url), 10);
      t.after(() => database.close().then(drop));
      const { driver, knex } = database;
      const write = () => {
        const [id, now] = [uuidv7(), new Date()];
        const values = { id, key_hash: id, points: 1, expires_at: now, created_at: now };
        return driver.commit([{ statement: INSERT, values }]);
      };
      const service = () =>
        inTransaction(knex, async (trx) => {
          await trx('T_rate_limits').count({ n: '*' });
          await sleep(5);
        });
      await driver.readOne(ONE, {});
      const failures: unknown[] = [];
      for (let round = 0; round < 5; round += 1) {
        const work = Array.from({ length: 12 }, () => [driver.readOne(ONE, {}), write(), service()]);
        for (const { reason } of (await Promise.allSettled(work.flat())) as { reason?: unknown }[])
          if (reason) failures.push(reason);
      }
      assert.deepEqual(failures, []);
      const [row] = await knex('T_rate_limits').count({ n: '*' });
      assert.equal(Number(row?.n), 60);
    });
});
