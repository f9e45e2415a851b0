import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Found } from '../../src/database/driver/contract.ts';
import type { Write } from '../../src/database/writes.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import {
  BY_HASH,
  BY_REASON,
  DELETE,
  INSERT_WRONGLY,
  insertRow,
  markUsed,
  OF_NO_TABLE,
  rowsOf,
  touch,
} from '../support/builders/revoked-token-rows.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`units of work on ${engine}`, () => {
    const { storage, hashes, unitOf, reset } = rowsOf(engine);

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
  });
}
