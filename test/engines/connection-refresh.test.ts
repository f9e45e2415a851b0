import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { addGoogle, connectGoogle, openServices } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';
import { rounds } from '../support/world.ts';

const child = resolve(import.meta.dirname, '../support/refresh-process.js');
const EXPIRED = { life: -1000 };

/** A database with the stand-in as a service, an account, and two servers' worth of services. */
async function open(t: TestContext, engine: EngineName) {
  const { url, drop } = await createMigratedDatabase(engine);
  const databases = [openDatabase(url, 5), openDatabase(url, 5)] as [Database, Database];
  t.after(async () => {
    for (const database of databases) await database.close();
    await drop();
  });
  const google = await startGoogle(t);
  const [first, second] = [openServices(databases[0]), openServices(databases[1])];
  const account = { id: uuidv7() };
  await fill(databases[0], 'T_accounts', { ...account, is_active: true });
  await addGoogle(first, google);
  return {
    url,
    google,
    account,
    knex: databases[0].knex,
    first: first.connections,
    second: second.connections,
  };
}

for (const engine of engines)
  describe(`refreshing a connection on ${engine}`, () => {
    test('asks the service once for fifty simultaneous uses at two servers', async (t) => {
      const { google, account, first, second, knex } = await open(t, engine);
      google.knobs.rotates = true;
      google.knobs.delay = 150;
      const id = await connectGoogle(first, google, account, EXPIRED);
      const uses = Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? first : second).refresh.getFresh(id),
      );
      const credentials = await Promise.all(uses);
      assert.equal(google.counts.refreshes, 1);
      assert.deepEqual([...new Set(credentials.map(({ version }) => version))], [2]);
      for (const { accessToken, refreshToken } of credentials) {
        assert.ok(google.isLive(accessToken));
        assert.ok(google.isRefreshable(String(refreshToken)));
      }
      const log = await knex('T_token_refresh_log');
      assert.equal(log.length, 1);
      assert.deepEqual(
        [Boolean(log[0].success), Boolean(log[0].refresh_used), log[0].error_code],
        [true, true, null],
      );
      assert.notEqual(log[0].old_token_hash, log[0].new_token_hash);
    });

    test('renews a token that the service has refused, once, and one that ends within a minute', async (t) => {
      const { google, account, first, second } = await open(t, engine);
      const id = await connectGoogle(first, google, account);
      const refused = await first.refresh.getFresh(id);
      assert.equal(google.counts.refreshes, 0, 'it is still good for an hour');
      const both = await Promise.all(
        [first, second, first].map(({ refresh }) => refresh.getFresh(id, { notVersion: refused.version })),
      );
      assert.deepEqual(
        both.map(({ version }) => version),
        [2, 2, 2],
      );
      assert.equal(google.counts.refreshes, 1);
      assert.equal(both[0]?.refreshToken, refused.refreshToken, 'the service keeps the refresh token');
      google.knobs.expiresIn = 30;
      await first.refresh.getFresh(id, { notVersion: 2 });
      google.knobs.expiresIn = 3600;
      assert.equal((await second.refresh.getFresh(id)).version, 4);
    });

    test('by a job takes each connection once, at two servers', async (t) => {
      const { google, account, first, second, knex } = await open(t, engine);
      for (let one = 0; one < 6; one += 1)
        await connectGoogle(first, google, account, {
          externalId: `g-${one}`,
          life: 60_000,
        });
      assert.equal(await first.refresh.refreshDue(), 0, 'nothing is due');
      await knex('T_oauth_tokens').update({ refresh_due_at: new Date(Date.now() - 1000) });
      await Promise.all([first.refresh.refreshDue(), second.refresh.refreshDue()]);
      assert.equal(google.counts.refreshes, 6);
      const rows = await knex('T_oauth_tokens').whereNotNull('active_slot');
      assert.ok(rows.every(({ version }) => Number(version) === 2));
    });

    test('killed in the middle loses no refresh token that was stored', async (t) => {
      const { url, google, account, first, knex } = await open(t, engine);
      const id = await connectGoogle(first, google, account, EXPIRED);
      for (let round = 0; round < rounds(2); round += 1) {
        let running: ChildProcess | undefined;
        // The service has decided on its answer: the worst moment.
        google.knobs.onRefresh = async () => {
          running?.kill('SIGKILL');
          if (running) await once(running, 'close');
          running = undefined;
        };
        running = spawn(process.execPath, [child, url, id], { stdio: ['ignore', 'ignore', 'inherit'] });
        await once(running, 'close');
        const lost = await knex('T_token_refresh_log').where({ error_code: 'no_outcome' });
        assert.equal(lost.length, round + 1, 'the attempt has left its trace');
        google.knobs.onRefresh = () => undefined;
        await knex('T_oauth_tokens').update({ lease_expires_at: new Date(Date.now() - 1000) });
        const { version, accessToken, refreshToken } = await first.refresh.getFresh(id);
        assert.equal(version, round + 2);
        assert.ok(google.isLive(accessToken));
        assert.ok(google.isRefreshable(String(refreshToken)));
        await knex('T_oauth_tokens').update({ expires_at: new Date(Date.now() - 1000) });
      }
    });
  });
