import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { sqliteFile } from '../../src/database/engine-of-url.ts';
import { openDatabase } from '../../src/database/open.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { BY_HASH, insertRow, markUsed, rowsOf, touch } from '../support/builders/revoked-token-rows.ts';
import { openProxy } from '../support/database-proxy.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`locks and lost answers on ${engine}`, () => {
    const { storage, hashes, unitOf, reset } = rowsOf(engine);

    const onFile = async () => {
      await reset();
      await unitOf(insertRow('there')).commit();
      const { knex, driver } = storage().database;
      const other = new Sqlite(sqliteFile(storage().url));
      const read = () => driver.readOne(BY_HASH, { token_hash: 'there' });
      const byService = (hash: string) =>
        inTransaction(knex, (trx) => trx('T_revoked_tokens').insert(insertRow(hash).values));
      other.exec('BEGIN IMMEDIATE');
      let done = 0;
      const count = () => {
        done += 1;
      };
      const waiting = [unitOf(insertRow('a')).commit(), unitOf(insertRow('b')).commit(), byService('c')];
      for (const one of waiting) one.then(count);
      const delays: number[] = [];
      for (const began = performance.now(); performance.now() - began < 300 || delays.length < 5; ) {
        const asked = performance.now();
        assert.ok(await read());
        delays.push(performance.now() - asked);
      }
      // The median: on a busy machine this process itself waits for the processor now and then.
      const median = delays.toSorted((a, b) => a - b)[delays.length >> 1] ?? 0;
      assert.ok(median < 100, `a waiting write does not block reads: ${median} ms`);
      assert.equal(done, 0);
      other.exec('COMMIT');
      await Promise.all(waiting);
      assert.deepEqual(await hashes(), ['a', 'b', 'c', 'there']);

      other.exec('BEGIN IMMEDIATE');
      const began = performance.now();
      const services = ['e', 'f', 'g'].map(byService);
      const refused = await Promise.allSettled([unitOf(insertRow('d')).commit(), ...services]);
      // The SQLite library itself would wait 5 s.
      assert.ok(performance.now() - began < 4000, 'a locked file holds no request for long');
      assert.deepEqual(
        refused.map((one) => one.status === 'rejected' && one.reason.kind),
        Array(4).fill('unavailable'),
      );
      other.exec('ROLLBACK');
      other.close();
      await Promise.all([unitOf(insertRow('h')).commit(), byService('i')]);
      assert.deepEqual(await hashes(), ['a', 'b', 'c', 'h', 'i', 'there']);
    };

    const onRow = async () => {
      await reset();
      await unitOf(insertRow('kept')).commit();
      const { knex, driver } = storage().database;
      const owner = await knex.transaction();
      try {
        await owner('T_revoked_tokens').where({ token_hash: 'kept' }).update({ reason: 'mine' });
        const blocked = [unitOf(touch('kept')), unitOf(touch('kept'), insertRow('too'))];
        const others = Array.from({ length: 12 }, (_, index) => unitOf(insertRow(`beside${index}`)));
        const began = performance.now();
        const settled = await Promise.allSettled([...blocked, ...others].map((unit) => unit.commit()));
        assert.deepEqual(
          settled.map((one) => (one.status === 'rejected' ? one.reason.kind : one.value)),
          [...Array(2).fill('unavailable'), ...Array(12).fill(undefined)],
        );
        // PostgreSQL itself would wait without a limit, MariaDB 50 s.
        assert.ok(performance.now() - began < 5000, 'a locked row holds no request for long');
        // The next requests are served.
        assert.ok(await driver.readOne(BY_HASH, { token_hash: 'kept' }));
        assert.equal(await unitOf(insertRow('after'), insertRow('that')).commit(), undefined);
      } finally {
        await owner.rollback();
      }
      await unitOf(touch('kept')).commit();
      assert.deepEqual(await knex('T_revoked_tokens').where({ token_hash: 'kept' }).pluck('reason'), [
        'touched',
      ]);
    };

    const onGarbledAnswer = async (t: TestContext) => {
      await reset();
      const proxy = await openProxy(t, storage().url);
      const { driver, close } = openDatabase(proxy.url, 1);
      t.after(close);
      await unitOf(insertRow('a'), insertRow('b')).commit();
      const use = (hash: string) => [markUsed(hash, 'consume'), insertRow(`for ${hash}`)];
      const reasons = () => storage().database.knex('T_revoked_tokens').orderBy('token_hash').pluck('reason');
      // Both connections are open, and their statements prepared.
      assert.deepEqual(
        await Promise.all(['x', 'y'].map((hash) => driver.commit(use(hash)))),
        Array(2).fill('consume'),
      );
      // MariaDB answers BEGIN before it gets the rest, so nothing was done. PostgreSQL has the COMMIT already.
      const isDone = engine === 'postgres';
      proxy.garble();
      const settled = await Promise.allSettled(['a', 'b'].map((hash) => driver.commit(use(hash))));
      assert.deepEqual(
        settled.map((one) => (one.status === 'rejected' ? one.reason.kind : (one.value ?? 'done'))),
        Array(2).fill(isDone ? 'done' : 'unavailable'),
      );
      assert.equal((await reasons()).join(), isDone ? 'used,used,test,test' : 'test,test');
      // After a timeout, calls fail at once for a moment.
      await sleep(200);
      assert.equal(await driver.commit([insertRow('later')]), undefined);
    };

    // SQLite locks the whole database, the others lock rows.
    if (engine === 'sqlite')
      test(
        'while another process writes, reads are answered, and writes wait for it for a limited time',
        onFile,
      );
    else {
      test('a request that needs a locked row gets 503, and no other request does', onRow);
      test('a commit whose answer is unreadable is done once, or not at all', onGarbledAnswer);
    }
  });
}
