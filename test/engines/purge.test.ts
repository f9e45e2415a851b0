import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { purgedTables, retentionRules } from '../../src/config/retention.ts';
import { openDatabase } from '../../src/database/open.ts';
import { returnFreePages } from '../../src/database/sqlite-files.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { changeInBatches } from '../../src/maintenance/batches.ts';
import { purgeCondition } from '../../src/maintenance/dialect.ts';
import { countPurge, createRequestExpiry, purge } from '../../src/maintenance/purge.ts';
import { expiringRows } from '../support/builders/expiring-rows.ts';
import { engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

const HOUR = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);

for (const engine of engines) {
  describe(`the purge on ${engine}`, () => {
    const addRateLimits = async (database: Parameters<typeof fill>[0], rows: number, at: Date) => {
      for (let row = 0; row < rows; row += 1)
        await fill(database, 'T_rate_limits', { id: uuidv7(), key_hash: uuidv7(), expires_at: at });
    };

    test('deletes the rows of every table that are past their time, and no others', async (t) => {
      const { database } = await openWorld(t, engine);
      for (const rule of retentionRules) {
        const { table } = rule;
        const before: string[] = await database.knex(table).pluck('id');
        const stay = await expiringRows(database, rule);
        const options = { retention: {}, table };
        assert.deepEqual(await countPurge(database, options), [{ table, rows: 2 }], table);
        assert.deepEqual(await purge(database, options), [{ table, rows: 2 }]);
        const left: string[] = await database.knex(table).pluck('id');
        assert.deepEqual(left.filter((id) => stay.includes(id)).toSorted(), stay, table);
        assert.ok(left.length <= before.length + stay.length + 1, table);
      }
      assert.deepEqual(
        await purge(database, { retention: {} }),
        purgedTables.map((table) => ({ table, rows: 0 })),
      );
    });

    test('deletes nothing while the clocks of the server and the database differ', async (t) => {
      // SQLite has the clock of the server.
      if (engine === 'sqlite') return;
      const { database } = await openWorld(t, engine);
      await addRateLimits(database, 1, ago(40 * HOUR));
      const options = { table: 'T_rate_limits', retention: {} };
      const now = Date.now();
      const clock = t.mock.method(Date, 'now', () => now - 1500 * 24 * HOUR);
      await assert.rejects(
        purge(database, options),
        /Nothing was deleted\. The clock of this machine is \d+ sec/,
      );
      clock.mock.restore();
      assert.deepEqual(await purge(database, options), [{ table: 'T_rate_limits', rows: 1 }]);
    });

    test('keeps used invitations with their redemptions, and audit events of a year ago', async (t) => {
      const { database, createAccount } = await openWorld(t, engine);
      const { id: redeemed_by } = await createAccount();
      const invitation_id = uuidv7();
      const over = ago(2 * 365 * 24 * HOUR - HOUR);
      await fill(database, 'T_invitations', { id: invitation_id, uses: 1, expires_at: over });
      await fill(database, 'T_invitations', { id: uuidv7(), uses: 0, expires_at: over });
      const row = { id: uuidv7(), invitation_id, redeemed_by, redeemed_at: over };
      await fill(database, 'T_invitation_redemptions', row);
      await fill(database, 'T_auth_audit_log', { id: uuidv7(), account_id: redeemed_by, created_at: over });
      await purge(database, { retention: {} });
      assert.deepEqual(await database.knex('T_invitations').pluck('id'), [invitation_id]);
      assert.equal((await database.knex('T_invitation_redemptions')).length, 1);
      assert.equal((await database.knex('T_auth_audit_log').where({ created_at: over })).length, 1);
    });

    test('keeps rows for as long as LATCHKEY_RETENTION sets', async (t) => {
      const { database } = await openWorld(t, engine);
      await addRateLimits(database, 1, ago(40 * HOUR));
      const table = 'T_rate_limits';
      assert.deepEqual(await purge(database, { table, retention: { T_rate_limits: 2 } }), [
        { table, rows: 0 },
      ]);
      assert.deepEqual(await purge(database, { table, retention: { T_rate_limits: 1 } }), [
        { table, rows: 1 },
      ]);
    });

    test('deletes in batches; the next purge continues an interrupted one', async (t) => {
      const { database } = await openWorld(t, engine);
      const table = 'T_rate_limits';
      const size = { sqlite: 25, postgres: 500, mysql: 100 }[database.engine];
      const at = ago(HOUR);
      const rows = Array.from({ length: 2 * size + 7 }, () => ({
        id: uuidv7(),
        created_at: at,
        key_hash: uuidv7(),
        points: 1,
        expires_at: at,
      }));
      await database.knex.batchInsert(table, rows, 100);
      await addRateLimits(database, 1, new Date(Date.now() + HOUR));
      const batches: number[] = [];
      const onBatch = (_: string, count: number) => void batches.push(count);
      const onlyOne = { onBatch, shouldContinue: () => batches.length < 1 };
      assert.deepEqual(await purge(database, { retention: {}, table }, onlyOne), [{ table, rows: size }]);
      const [rest] = await purge(database, { retention: {}, table }, { onBatch });
      assert.equal(rest?.rows, size + 7);
      assert.deepEqual(batches, [size, size, 7]);
      assert.equal((await database.knex(table)).length, 1);
    });

    test('that runs three times at once deletes each row once', async (t) => {
      const { database, storage } = await openWorld(t, engine);
      const table = 'T_rate_limits';
      await addRateLimits(database, 120, ago(HOUR));
      const others = [openDatabase(storage.url, 3), openDatabase(storage.url, 3)];
      t.after(() => Promise.all(others.map((other) => other.close())));
      const results = await Promise.all(
        [database, ...others].map((one) => purge(one, { retention: {}, table })),
      );
      const sum = results.reduce((all, [one]) => all + (one?.rows ?? 0), 0);
      assert.equal(sum, 120);
      assert.equal((await database.knex(table)).length, 0);
    });

    test('keeps a row that was extended before its batch is deleted', async (t) => {
      const { database } = await openWorld(t, engine);
      const table = 'T_rate_limits';
      await addRateLimits(database, 3, ago(HOUR));
      const id = await database.knex(table).first('id');
      const condition = purgeCondition({ table, column: 'expires_at', days: 0 });
      const rows = await changeInBatches(
        database,
        { table, column: 'expires_at', condition },
        async (batch) => {
          await database
            .knex(table)
            .where(id)
            .update({ expires_at: new Date(Date.now() + HOUR) });
          return batch.delete();
        },
      );
      assert.equal(rows, 2);
      assert.deepEqual(await database.knex(table).select('id'), [id]);
    });

    test('marks unfinished authorization requests as expired, and looks at all of them only once', async (t) => {
      const { database } = await openWorld(t, engine);
      const table = 'T_authorization_requests';
      const request = (at: Date, status = 'pending') =>
        fill(database, table, { id: uuidv7(), status, expires_at: at });
      await request(ago(50 * HOUR));
      await request(ago(2000));
      await request(new Date(Date.now() + HOUR));
      await request(ago(HOUR), 'approved');
      const expire = createRequestExpiry(database);
      assert.equal(await expire(), 2);
      await request(ago(2000));
      await request(ago(50 * HOUR));
      assert.equal(await expire(), 1);
      const statuses = await database.knex(table).orderBy('status').pluck('status');
      assert.deepEqual(statuses, ['approved', 'expired', 'expired', 'expired', 'pending', 'pending']);
    });

    test('counts and deletes from the command line, and refuses a table whose rows do not expire', async (t) => {
      const { database, storage } = await openWorld(t, engine);
      await addRateLimits(database, 3, ago(HOUR));
      const run = (...args: string[]) => latchkey(['db', 'purge', ...args], { url: storage.url });
      const dry = JSON.parse((await run('--dry-run', '--json')).stdout);
      assert.deepEqual([dry.dry_run, dry.rows], [true, 3]);
      assert.equal(dry.tables.length, purgedTables.length);
      assert.equal((await database.knex('T_rate_limits')).length, 3);
      const wrong = await run('--table', 'T_accounts');
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /Rows of T_accounts do not expire/);
      const { stdout, stderr } = await run('--table', 'T_rate_limits');
      assert.match(stdout, /T_rate_limits\s+3\n3 rows deleted\./);
      assert.equal(stderr, '');
      assert.equal((await database.knex('T_rate_limits')).length, 0);
    });
  });
}

test('the purge gives pages of a SQLite file back to the file system', {
  skip: !engines.includes('sqlite'),
}, async (t) => {
  const { database } = await openWorld(t, 'sqlite', { empty: true });
  const pages = async (name: string) =>
    Object.values((await database.knex.raw(`PRAGMA ${name}`))[0])[0] as number;
  await database.knex.schema.createTable('T_rows', (table) => table.text('payload'));
  for (let row = 0; row < 100; row += 1)
    await database.knex('T_rows').insert({ payload: 'x'.repeat(20_000) });
  await database.knex('T_rows').delete();
  const before = [await pages('page_count'), await pages('freelist_count')] as const;
  assert.ok(before[1] > 256);
  await returnFreePages(database);
  assert.equal(await pages('freelist_count'), before[1] - 256);
  assert.ok((await pages('page_count')) < before[0] - 200);
});
