import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { migrateLatest, readSchemaStatus } from '../../src/database/migrate.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { rollBack } from '../../src/database/rollback.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createDatabase, createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { rollBackAll } from '../support/roll-back-all.ts';
import { fill, tableNames } from '../support/rows.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

/** Writes a row into every table, the tables that others refer to first. */
async function fillAll(database: Database): Promise<void> {
  const id = uuidv7();
  let left = await tableNames(database);
  while (left.length > 0) {
    const refused: string[] = [];
    let last: unknown;
    for (const table of left) {
      await fill(database, table, { id }).catch((error) => {
        last = error;
        refused.push(table);
      });
    }
    if (refused.length === left.length) throw last;
    left = refused;
  }
}

for (const engine of engines) {
  describe(`migrations on ${engine}`, () => {
    test('migrate, roll back with a row in every table, and migrate again', async (t) => {
      const { url, drop } = await createDatabase(engine);
      const database = openDatabase(url);
      t.after(async () => {
        await database.close();
        await drop();
      });
      const applied = await migrateLatest(database, url);
      assert.ok(applied.length >= 3);
      assert.deepEqual(await migrateLatest(database, url), []);
      const tables = (await tableNames(database)).toSorted();
      await fillAll(database);
      for (const table of tables) assert.equal((await database.knex(table)).length, 1, table);

      assert.deepEqual((await rollBackAll(database, url)).toReversed(), applied);
      assert.deepEqual(await tableNames(database), []);
      assert.deepEqual((await readSchemaStatus(database)).pending.length, applied.length);
      assert.deepEqual(await rollBackAll(database, url), []);

      assert.deepEqual(await migrateLatest(database, url), applied);
      assert.deepEqual((await tableNames(database)).toSorted(), tables);
      for (const table of tables) assert.equal((await database.knex(table)).length, 0, table);
    });

    test('are not begun by reading how far they are', async (t) => {
      const { url, drop } = await createDatabase(engine);
      const database = openDatabase(url);
      t.after(() => database.close().then(drop));
      const { applied, pending } = await readSchemaStatus(database);
      assert.deepEqual([applied.length, pending.length > 0], [0, true]);
      for (const table of ['T_migrations', 't_migrations', 't_migrations_lock'])
        assert.equal(await database.knex.schema.hasTable(table), false, table);
    });

    test('of several processes at once one migrates and the others wait for it', async (t) => {
      const { url, drop } = await createDatabase(engine);
      t.after(drop);
      const results = await Promise.all(
        Array.from({ length: 3 }, () => latchkey(['db', 'migrate', '--json'], { url })),
      );
      assert.deepEqual(
        results.map(({ code, stderr }) => [code, stderr]),
        results.map(() => [0, '']),
      );
      const counts = results.map(({ stdout }) => JSON.parse(stdout).applied.length).toSorted();
      assert.deepEqual(counts.slice(0, 2), [0, 0]);
      const { stdout } = await latchkey(['db', 'status', '--json'], { url });
      const status = JSON.parse(stdout);
      assert.deepEqual([status.current, status.applied.length], [true, counts[2]]);
    });

    test('servers that start at once on an empty database serve with the same keys', async (t) => {
      const world = await openWorld(t, engine, { empty: true });
      const servers = await Promise.all([world.start(), world.start()]);
      const [first, second] = await Promise.all(
        servers.map(async ({ issuer }) => (await fetch(`${issuer}/jwks`)).text()),
      );
      // One that signs and the next one, for each of three algorithms.
      assert.equal(JSON.parse(first as string).keys.length, 6);
      assert.equal(first, second);
    });

    test('a lock left by a server that died is taken over, and a pool of one connection is enough', async (t) => {
      const { url, drop } = await createMigratedDatabase(engine);
      const database = openDatabase(url, 1);
      t.after(async () => {
        await database.close();
        await drop();
      });
      const undone = [await rollBack(database, url), await rollBack(database, url)].toReversed();
      await database.knex('T_migrations_lock').update({ is_locked: 1 });
      assert.deepEqual(await migrateLatest(database, url), undone);
      assert.equal((await readSchemaStatus(database)).current, true);
    });
  });
}
