import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { createDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';

const SLEEP: Record<string, string> = {
  postgres: 'SELECT pg_sleep(3)',
  mariadb: 'SELECT SLEEP(3)',
  mysql: 'SELECT SLEEP(3)',
};

for (const engine of engines.filter((one) => one !== 'sqlite'))
  test(`a transaction that misses its deadline says so, and not that it could not be rolled back, on ${engine}`, async (t) => {
    const { url, drop } = await createDatabase(engine);
    const database = openDatabase(url, 2);
    t.after(() => database.close().then(drop));
    const sleep = (trx: { raw(sql: string): PromiseLike<unknown> }) => trx.raw(SLEEP[engine] ?? '');
    await assert.rejects(
      inTransaction(database.knex, async (trx) => void (await sleep(trx))),
      (error: Error & { kind?: string }) => {
        assert.equal(error.kind, 'unavailable');
        assert.match(String((error.cause as Error).message), /no answer within 1500 ms/);
        return true;
      },
    );
    assert.ok(await inTransaction(database.knex, (trx) => trx.raw('SELECT 1')));
  });
