import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { migrationConfig, readSchemaStatus } from '../../src/database/migrate.ts';
import { createReadiness } from '../../src/database/readiness.ts';
import { createLog } from '../../src/kit/log.ts';
import { engines } from '../support/engines.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

/** Of a version after this one. */
const LATER = '9999_later';

for (const engine of engines)
  describe(`after a later version has migrated the database, on ${engine}`, () => {
    test('a server of this version stays ready, and can be started again', async (t) => {
      const { database, start } = await openWorld(t, engine);
      const findProblem = createReadiness(database, createLog('silent'));
      const server = await start();
      const isReady = async () => (await fetch(`${server.issuer}/readyz`)).status;
      assert.deepEqual([await findProblem(), await isReady()], [undefined, 200]);
      const table = migrationConfig(database.engine).tableName ?? '';
      await database.knex(table).insert({ name: LATER, batch: 99, migration_time: new Date() });
      assert.deepEqual([await findProblem(), await isReady()], [undefined, 200]);
      await server.kill('SIGTERM');
      await server.restart();
      assert.equal(await isReady(), 200);
      assert.equal((await readSchemaStatus(database)).current, true);
    });

    test('its command leaves the schema to the command of that version', async (t) => {
      const { database, storage } = await openWorld(t, engine);
      const table = migrationConfig(database.engine).tableName ?? '';
      await database.knex(table).insert({ name: LATER, batch: 99, migration_time: new Date() });
      const status = await latchkey(['db', 'status'], storage);
      assert.equal(status.code, 0, status.stderr);
      assert.match(status.stdout, /9999_later/);
      assert.equal((await latchkey(['db', 'migrate'], storage)).code, 0, 'nothing is pending');
      const later = /A later version of Latchkey has migrated this database \(9999_later\)/;
      const refused = await latchkey(['db', 'rollback', '--yes'], storage);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, later);
      await database.knex(table).where({ name: '0025_requested_email' }).delete();
      const pending = await latchkey(['db', 'migrate'], storage);
      assert.equal(pending.code, 1);
      assert.match(pending.stderr, later);
    });
  });
