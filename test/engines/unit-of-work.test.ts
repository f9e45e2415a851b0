import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { sqliteFile } from '../../src/database/database-url.ts';
import type { Found } from '../../src/database/driver/contract.ts';
import { openDatabase } from '../../src/database/open.ts';
import { deleteFrom, insertInto, selectOne, sql, update } from '../../src/database/statements.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { UnitOfWork } from '../../src/database/unit-of-work.ts';
import type { Write } from '../../src/database/writes.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { storageOf } from '../support/builders/token-storage.ts';
import { openProxy } from '../support/database-proxy.ts';
import { engines } from '../support/engines.ts';

const TABLE = 'T_revoked_tokens';
const COLUMNS = ['id', 'created_at', 'token_hash', 'reason', 'revoked_at', 'expires_at'];
const INSERT = insertInto(TABLE, COLUMNS);
const INSERT_IF_NEW = insertInto(TABLE, COLUMNS, { onConflict: 'nothing' });
const USE = update(TABLE, { set: ['reason'], where: sql`token_hash = ${'token_hash'} AND reason = 'test'` });
const TOUCH = update(TABLE, { set: ['reason'], where: sql`token_hash = ${'token_hash'}` });
const DELETE = deleteFrom(TABLE, sql`id = ${'id'}`);
/** Without columns that must not be NULL. */
const INSERT_WRONGLY = insertInto('T_credentials', ['id', 'created_at', 'account_id', 'username']);
const BY_HASH = selectOne({
  columns: 'token_hash, reason',
  from: TABLE,
  where: sql`token_hash = ${'token_hash'}`,
});
const BY_REASON = selectOne({ columns: 'reason', from: TABLE, where: sql`reason = ${'reason'}` });
const OF_NO_TABLE = selectOne({ columns: 'nothing', from: 'T_nothing' });

/** Inserts a revoked token, whose hash is unique. */
function insertRow(hash: string, more: { guard?: string; ignore?: boolean } = {}): Write {
  const { guard, ignore = guard !== undefined } = more;
  const now = new Date();
  const values = { id: uuidv7(), created_at: now, token_hash: hash, reason: 'test', revoked_at: now };
  return {
    statement: ignore ? INSERT_IF_NEW : INSERT,
    values: { ...values, expires_at: now },
    guard,
  };
}

const markUsed = (hash: string, guard: string): Write => ({
  statement: USE,
  values: { reason: 'used', token_hash: hash },
  guard,
});

const touch = (hash: string, reason = 'touched'): Write => ({
  statement: TOUCH,
  values: { reason, token_hash: hash },
});

for (const engine of engines) {
  describe(`units of work on ${engine}`, () => {
    const storage = storageOf(engine);
    const hashes = async () =>
      (await storage().database.knex('T_revoked_tokens').orderBy('token_hash')).map((row) => row.token_hash);
    const unitOf = (...writes: Write[]) => {
      const unit = new UnitOfWork(storage().database.driver);
      for (const write of writes) unit.write(write);
      return unit;
    };
    const reset = () => storage().database.knex('T_revoked_tokens').delete();

    test('a unit whose writes are discarded writes nothing', async () => {
      await reset();
      const unit = unitOf(insertRow('a'), insertRow('b'));
      unit.discardWrites();
      assert.equal(await unit.commit(), undefined);
      assert.deepEqual(await hashes(), []);
    });

    test('a guard that fails undoes its whole unit, wherever it stands', async () => {
      await reset();
      await unitOf(insertRow('taken')).commit();
      for (const writes of [
        [markUsed('nobody', 'consume'), insertRow('a')],
        [insertRow('a'), markUsed('nobody', 'consume')],
        [insertRow('a'), insertRow('b'), insertRow('taken', { guard: 'consume' })],
        [insertRow('a'), { statement: DELETE, values: { id: '0' }, guard: 'consume' }],
      ] as Write[][]) {
        assert.equal(await unitOf(...writes).commit(), 'consume');
        assert.deepEqual(await hashes(), ['taken']);
      }
    });

    test('either of two guards undoes the unit, and the commit names the one that failed', async () => {
      await reset();
      await unitOf(insertRow('free'), insertRow('taken')).commit();
      const taken = insertRow('taken', { guard: 'nonce' });
      assert.equal(await unitOf(markUsed('free', 'consume'), taken, insertRow('a')).commit(), 'nonce');
      assert.equal(
        await unitOf(insertRow('new', { guard: 'nonce' }), markUsed('nobody', 'consume')).commit(),
        'consume',
      );
      assert.deepEqual(await hashes(), ['free', 'taken']);
      const reasons = await storage().database.knex('T_revoked_tokens').distinct('reason');
      assert.deepEqual(reasons, [{ reason: 'test' }]);
      const both = unitOf(markUsed('free', 'consume'), insertRow('new', { guard: 'nonce' }), insertRow('a'));
      assert.equal(await both.commit(), undefined);
      assert.deepEqual(await hashes(), ['a', 'free', 'new', 'taken']);
    });

    test('units at once: those that fail, and one whose guard fails, do not affect the others', async () => {
      await reset();
      await unitOf(insertRow('taken')).commit();
      const broken = unitOf(insertRow('x'), {
        statement: INSERT_WRONGLY,
        values: { id: uuidv7(), created_at: new Date(), account_id: 'nobody', username: 'x' },
      });
      const refused = unitOf(markUsed('taken', 'a'), markUsed('nobody', 'consume'), insertRow('y'));
      const second = unitOf(insertRow('taken'));
      const good = Array.from({ length: 20 }, (_, index) =>
        unitOf(insertRow(`g${String(index).padStart(2, '0')}`)),
      );
      const settled = await Promise.allSettled(
        [...good.slice(0, 10), broken, refused, second, ...good.slice(10)].map((unit) => unit.commit()),
      );
      assert.deepEqual(
        settled.map((one) => (one.status === 'rejected' ? 'failed' : one.value)),
        [...Array(10).fill(undefined), 'failed', 'consume', 'failed', ...Array(10).fill(undefined)],
      );
      assert.equal((await hashes()).length, 21);
    });

    test('reads at once: each gets its own row or none, and those that fail do not affect the others', async () => {
      await reset();
      const known = Array.from({ length: 9 }, (_, index) => `k${index}`);
      await unitOf(...known.map((hash) => insertRow(hash))).commit();
      const { driver } = storage().database;
      const find = () => [
        ...[...known, 'nobody', 'k3', "' OR '1'='1"].map((hash) =>
          driver.readOne(BY_HASH, { token_hash: hash }),
        ),
        ...['nobody', 'test', 'test'].map((reason) => driver.readOne(BY_REASON, { reason })),
      ];
      const valuesOf = (rows: Found[]) => rows.map((row) => row?.token_hash ?? row?.reason);
      const found = [...known, undefined, 'k3', undefined, undefined, 'test', 'test'];
      assert.deepEqual(valuesOf(await Promise.all(find())), found);
      const broken = [1, 2].map(() => assert.rejects(driver.readOne(OF_NO_TABLE, {})));
      const [rows] = await Promise.all([Promise.all(find()), ...broken]);
      assert.deepEqual(valuesOf(rows), found);
    });

    test('an insert that may find its row already there leaves it unchanged', async () => {
      await reset();
      await unitOf(insertRow('a')).commit();
      assert.equal(await unitOf(insertRow('a', { ignore: true }), insertRow('b')).commit(), undefined);
      assert.deepEqual(await hashes(), ['a', 'b']);
    });

    test('units that write the same rows in different order all succeed', async () => {
      await reset();
      await unitOf(insertRow('a'), insertRow('b')).commit();
      const bothOf = (hashes: string[]) => hashes.map((hash) => touch(hash, uuidv7().slice(-8)));
      const done = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          unitOf(...bothOf(index % 2 ? ['a', 'b'] : ['b', 'a'])).commit(),
        ),
      );
      assert.deepEqual(new Set(done), new Set([undefined]));
    });

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
