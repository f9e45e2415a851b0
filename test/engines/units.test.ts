import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { Write } from '../../src/kit/statements.ts';
import { Unit } from '../../src/kit/unit-of-work.ts';
import { engines } from '../support/engines.ts';
import { storageOf } from '../support/storage.ts';

/** A row of evidence; its hash is unique. */
function evidence(hash: string, more: { guard?: string; ignore?: boolean } = {}): Write {
  const now = new Date();
  const row = { id: uuidv7(), created_at: now, token_hash: hash, reason: 'test', revoked_at: now };
  return { kind: 'insert', table: 'T_revoked_tokens', row: { ...row, expires_at: now }, ...more };
}

const unused = (hash: string, guard: string): Write => ({
  ...{ kind: 'update', table: 'T_revoked_tokens', set: { reason: 'used' } },
  ...{ where: { token_hash: hash, reason: 'test' }, guard },
});

for (const engine of engines) {
  describe(`units of work on ${engine}`, () => {
    const storage = storageOf(engine);
    const hashes = async () =>
      (await storage().database.knex('T_revoked_tokens').orderBy('token_hash')).map((row) => row.token_hash);
    const unitOf = (...writes: Write[]) => {
      const unit = new Unit(storage().database.hot);
      for (const write of writes) unit.write(write);
      return unit;
    };
    const reset = () => storage().database.knex('T_revoked_tokens').delete();

    test('a unit that is dropped writes nothing', async () => {
      await reset();
      const unit = unitOf(evidence('a'), evidence('b'));
      unit.drop();
      assert.equal(await unit.commit(), undefined);
      assert.deepEqual(await hashes(), []);
    });

    test('a guard that fails takes all of its unit with it, wherever it stands', async () => {
      await reset();
      await unitOf(evidence('taken')).commit();
      for (const writes of [
        [unused('nobody', 'consume'), evidence('a')],
        [evidence('a'), unused('nobody', 'consume')],
        [evidence('a'), evidence('b'), evidence('taken', { guard: 'consume' })],
        [evidence('a'), { kind: 'delete', table: 'T_revoked_tokens', where: { id: '0' }, guard: 'consume' }],
      ] as Write[][]) {
        assert.equal(await unitOf(...writes).commit(), 'consume');
        assert.deepEqual(await hashes(), ['taken']);
      }
    });

    test('of two guards in one unit either undoes both, and the one that failed is told', async () => {
      await reset();
      await unitOf(evidence('free'), evidence('taken')).commit();
      const taken = evidence('taken', { guard: 'nonce' });
      assert.equal(await unitOf(unused('free', 'consume'), taken, evidence('a')).commit(), 'nonce');
      assert.equal(
        await unitOf(evidence('new', { guard: 'nonce' }), unused('nobody', 'consume')).commit(),
        'consume',
      );
      assert.deepEqual(await hashes(), ['free', 'taken']);
      const reasons = await storage().database.knex('T_revoked_tokens').distinct('reason');
      assert.deepEqual(reasons, [{ reason: 'test' }]);
      const both = unitOf(unused('free', 'consume'), evidence('new', { guard: 'nonce' }), evidence('a'));
      assert.equal(await both.commit(), undefined);
      assert.deepEqual(await hashes(), ['a', 'free', 'new', 'taken']);
    });

    test('units at once: those that fail and the one that is refused take no other with them', async () => {
      await reset();
      await unitOf(evidence('taken')).commit();
      const broken = unitOf(evidence('x'), {
        ...{ kind: 'insert', table: 'T_credentials' },
        ...{ row: { id: uuidv7(), created_at: new Date(), account_id: 'nobody', username: 'x' } },
      });
      const refused = unitOf(unused('taken', 'a'), unused('nobody', 'consume'), evidence('y'));
      const second = unitOf(evidence('taken'));
      const good = Array.from({ length: 20 }, (_, index) =>
        unitOf(evidence(`g${String(index).padStart(2, '0')}`)),
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

    test('a row that may be there already is left as it is', async () => {
      await reset();
      await unitOf(evidence('a')).commit();
      assert.equal(await unitOf(evidence('a', { ignore: true }), evidence('b')).commit(), undefined);
      assert.deepEqual(await hashes(), ['a', 'b']);
    });

    test('units that write the same rows in different order all come through', async () => {
      await reset();
      await unitOf(evidence('a'), evidence('b')).commit();
      const touch = (hash: string): Write => ({
        ...{ kind: 'update', table: 'T_revoked_tokens', set: { reason: uuidv7().slice(-8) } },
        where: { token_hash: hash },
      });
      const done = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          unitOf(...(index % 2 ? [touch('a'), touch('b')] : [touch('b'), touch('a')])).commit(),
        ),
      );
      assert.deepEqual(new Set(done), new Set([undefined]));
    });
  });
}
