import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { toUnavailable } from '../../src/database/driver/failures.ts';
import { withoutDeadline } from '../../src/database/knex-deadline.ts';
import { openDatabase } from '../../src/database/open.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import type { LatchkeyError } from '../../src/kit/errors.ts';
import { latchkey } from '../support/command.ts';
import { openProxy } from '../support/database-proxy.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { type EngineName, engines } from '../support/engines.ts';

/** Longer than the deadline of a statement, much shorter than the time-outs of the client libraries. */
const WITHIN_MS = 2500;

async function openStallable(t: TestContext, engine: EngineName) {
  const storage = await createMigratedDatabase(engine);
  const proxy = await openProxy(t, storage.url);
  const database = openDatabase(proxy.url, 3);
  t.after(() => database.close());
  t.after(() => storage.drop());
  return { database, proxy };
}

async function rejectsSoon(work: () => PromiseLike<unknown>): Promise<void> {
  const began = performance.now();
  await assert.rejects(
    async () => await work(),
    (error) => (toUnavailable(error) as LatchkeyError).kind === 'unavailable',
  );
  const ms = performance.now() - began;
  assert.ok(ms < WITHIN_MS, `${ms} ms`);
}

async function worksAgain(work: () => PromiseLike<unknown>): Promise<void> {
  for (const began = performance.now(); ; await sleep(100)) {
    try {
      await work();
      return;
    } catch (error) {
      // A connection that was begun before may still have to fail.
      if (performance.now() - began > 4000) throw error;
    }
  }
}

for (const engine of engines.filter((one) => one !== 'sqlite')) {
  describe(`a database that stands still: ${engine}`, { concurrency: true }, () => {
    test('what goes through Knex ends with the deadline, and works again afterwards', async (t) => {
      const { database, proxy } = await openStallable(t, engine);
      const count = () => database.knex('T_accounts').count({ n: '*' });
      const remove = () => inTransaction(database.knex, (trx) => trx('T_accounts').delete());
      await count();
      proxy.pause();
      await rejectsSoon(count);
      await rejectsSoon(remove);
      await Promise.all(Array.from({ length: 10 }, () => rejectsSoon(count)));
      proxy.forget();
      await worksAgain(count);
      await remove();
    });

    test('so does one that stops between two statements of a transaction', async (t) => {
      const { database, proxy } = await openStallable(t, engine);
      await rejectsSoon(() =>
        inTransaction(database.knex, async (trx) => {
          await trx('T_accounts').delete();
          proxy.pause();
          await trx('T_accounts').delete();
        }),
      );
      proxy.forget();
      await database.knex('T_accounts').count({ n: '*' });
    });

    test('a report or a migration may take longer', async (t) => {
      const { database } = await openStallable(t, engine);
      const sleep = engine === 'postgres' ? 'SELECT pg_sleep(2)' : 'SELECT SLEEP(2)';
      await rejectsSoon(() => database.knex.raw(sleep));
      await withoutDeadline(() => database.knex.raw(sleep));
    });

    test('the command ends with one line', async (t) => {
      const { proxy } = await openStallable(t, engine);
      proxy.pause();
      for (const verb of [['account', 'list'], ['db', 'migrate'], ['doctor']]) {
        const began = performance.now();
        const { code, stdout, stderr } = await latchkey(verb, { url: proxy.url });
        assert.ok(performance.now() - began < 8000, verb.join(' '));
        assert.equal(code, 1, verb.join(' '));
        assert.match(stdout + stderr, /database|does not answer/i);
      }
    });
  });
}

test('PostgreSQL with a default of serializable: simultaneous transactions go through', {
  skip: !engines.includes('postgres'),
}, async (t) => {
  const storage = await createMigratedDatabase('postgres');
  t.after(() => storage.drop());
  const name = new URL(storage.url).pathname.slice(1);
  const owner = openDatabase(storage.url, 1);
  await owner.knex.raw(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
  await owner.close();
  const database = openDatabase(storage.url, 5);
  t.after(() => database.close());
  const { rows } = await database.knex.raw('SHOW transaction_isolation');
  assert.equal(rows[0].transaction_isolation, 'read committed');
  const inside = await inTransaction(database.knex, (trx) => trx.raw('SHOW transaction_isolation'));
  assert.equal(inside.rows[0].transaction_isolation, 'read committed');
});
