import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { beginCalls, startWithGoogle } from '../support/builders/proxied-calls.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { startMotion } from '../support/upstream/motion.ts';

const AUTH = 'https://www.googleapis.com/auth';
const EVERYTHING = `openid ${AUTH}/gmail.readonly ${AUTH}/calendar.readonly ${AUTH}/contacts.readonly`;
const OPERATOR = { accountId: null };

const summary = (results: { resource: string; action: string; status: string; items: number | null }[]) =>
  results.map(({ resource, action, status, items }) => `${resource}: ${action} ${status} ${items}`);

for (const engine of engines) {
  describe(`a sync on ${engine}`, () => {
    test('reads what the scopes allow, then only what is new, and everything again when the state is too old', async (t) => {
      const started = await startWithGoogle(t, engine);
      const { server } = started;
      const { connectionId, person } = await beginCalls(started, { granted: EVERYTHING });
      const { sync, useLog } = server.services.connections;
      assert.deepEqual(summary(await sync.syncNow(connectionId)), [
        'gmail profile: full_sync completed 1',
        'calendar list: full_sync completed 2',
        'contacts: full_sync completed 2',
      ]);
      assert.deepEqual(summary(await sync.syncNow(connectionId)), [
        'gmail profile: incremental_sync completed 1',
        'calendar list: incremental_sync completed 0',
        'contacts: incremental_sync completed 0',
      ]);
      const old = { 'gmail profile': '1', 'calendar list': 'sync-old', contacts: 'people-old' };
      const { knex } = server.database;
      await knex('T_user_providers')
        .where({ id: connectionId })
        .update({ sync_state: JSON.stringify(old) });
      assert.deepEqual(summary(await sync.syncNow(connectionId)), [
        'gmail profile: incremental_sync failed null',
        'gmail profile: full_sync completed 1',
        'calendar list: incremental_sync failed null',
        'calendar list: full_sync completed 2',
        'contacts: incremental_sync failed null',
        'contacts: full_sync completed 2',
      ]);
      await useLog.write();
      const rows = await knex('T_sync_logs').where({ account_id: person.id }).orderBy('id');
      assert.equal(rows.length, 12);
      assert.ok(
        rows.every(({ client_id, user_provider_id }) => !client_id && user_provider_id === connectionId),
      );
      assert.ok(Number(rows[0].data_size) > 0 && rows[0].items_total === 21);
      assert.equal(rows[6].error_code, 'state_expired');
    });

    test('is done by one of several servers, and refreshes an access token that the service refuses', async (t) => {
      const started = await startWithGoogle(t, engine);
      const { server, google } = started;
      const second = await startServer(t, engine, {
        storage: server.storage,
        config: { allowPrivateServices: true, issuer: server.issuer },
      });
      const { connectionId } = await beginCalls(started);
      google.expireAccess();
      const jobs = [server, second].map(({ services }) => services.connections.sync.syncDue());
      assert.deepEqual((await Promise.all(jobs)).sort(), [0, 1]);
      assert.equal(google.counts.refreshes, 1);
      const [row] = await server.database.knex('T_user_providers').where({ id: connectionId });
      assert.ok(row.last_sync_at !== null && new Date(row.sync_due_at) > new Date());
      assert.equal(await server.services.connections.sync.syncDue(), 0);
    });

    test('reads user and workspaces of Motion with the key, and reports a service that is busy', async (t) => {
      const motion = await startMotion(t);
      const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
      const { services, vault, sync } = server.services.connections;
      await services.add(OPERATOR, { name: 'motion', preset: 'motion', baseUrl: motion.url, change: {} });
      const person = await server.createAccount();
      const { id } = await vault.save({
        accountId: person.id,
        service: 'motion',
        identity: { id: 'm-1' },
        accessLevel: 'admin',
        tokens: { accessToken: motion.apiKey, tokenType: 'api_key' },
      });
      assert.deepEqual(summary(await sync.syncNow(id)), [
        'user: full_sync completed 1',
        'workspaces: full_sync completed 2',
      ]);
      motion.knobs.isBusy = true;
      assert.deepEqual(
        (await sync.syncNow(id)).map(({ error }) => error),
        ['429', '429'],
      );
      motion.knobs.isBusy = false;
      motion.knobs.keys.clear();
      assert.equal((await sync.syncNow(id))[0]?.error, 'needs_reconnect');
      await assert.rejects(sync.syncNow(id), { code: 'needs_reconnect' });
      await assert.rejects(sync.syncNow('unknown'), { code: 'connection_unusable' });
    });
  });
}
