import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { useAll } from '../support/builders/every-feature.ts';
import { engines } from '../support/engines.ts';
import { scansOf, watch } from '../support/query-plans.ts';
import { startServer } from '../support/server.ts';

/** Tables that always have few rows. */
const SMALL = /T_oauth_clients|T_signing_keys|T_service_configs/i;

for (const engine of engines) {
  // MariaDB scans small tables even if an index fits; bench/plans.ts checks it with many rows.
  if (engine === 'mariadb' || engine === 'mysql') continue;
  describe(`the query plans on ${engine}`, () => {
    test('scan no growing table', async (t) => {
      const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
      const { database } = server;
      const asked = watch(database);
      await useAll(t, server);
      const statements = [...asked.values()];
      assert.ok(asked.size > 45, `${asked.size} statements were seen`);
      if (engine === 'postgres') {
        const [{ name }] = (await database.knex.raw('SELECT CURRENT_DATABASE() AS name')).rows;
        await database.knex.raw(`ALTER DATABASE ${name} SET enable_seqscan = off`);
        await database.knex.destroy();
        database.knex.initialize();
      }
      const scans: string[] = [];
      for (const one of statements)
        for (const { step } of await scansOf(database, one))
          if (!SMALL.test(step)) scans.push(`${step}: ${one.sql}`);
      assert.deepEqual(scans, []);
    });
  });
}
