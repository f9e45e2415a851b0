import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import {
  beginCalls,
  CALENDARS,
  problemOf,
  startWithGoogle,
  usesOf,
} from '../support/builders/proxied-calls.ts';
import { engines } from '../support/engines.ts';

const WRITE = 'openid connections:google.write';
const MEGABYTE = 1024 * 1024;

for (const engine of engines) {
  describe(`calls with a connection on ${engine}`, () => {
    test('go on with a new credential when the service refuses the old one', async (t) => {
      const started = await startWithGoogle(t, engine);
      const { google, server } = started;
      const { call, person, connectionId } = await beginCalls(started, { scope: WRITE });
      google.expireAccess();
      const answers = await Promise.all(Array.from({ length: 8 }, () => call(CALENDARS)));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.equal(google.counts.refreshes, 1);

      google.expireAccess();
      const small = await call('v1/echo', { method: 'POST', body: 'again' });
      assert.equal(((await small.json()) as { body: string }).body, 'again');
      assert.equal(google.counts.refreshes, 2);

      google.expireAccess();
      const large = Buffer.alloc(MEGABYTE, 'y');
      await problemOf(await call('v1/echo', { method: 'POST', body: large }), 503, 'credential_renewed');
      assert.equal((await call('v1/echo', { method: 'POST', body: large })).status, 200);
      assert.equal(google.counts.refreshes, 3);

      await server.services.connections.usage.write();
      const [credential] = await server.database.knex('T_oauth_tokens').where({ active_slot: connectionId });
      assert.ok(Number(credential.usage_count) >= 11);
      const uses = await usesOf(server, person, 11);
      assert.equal(uses.filter(({ status }) => status === 'completed').length, 10);
    });

    test('pass bodies of many megabytes on, also of unknown length', async (t) => {
      const started = await startWithGoogle(t, engine);
      const { call, person } = await beginCalls(started, { scope: WRITE });
      const download = await call(`v1/download?bytes=${20 * MEGABYTE}`);
      assert.equal((await download.arrayBuffer()).byteLength, 20 * MEGABYTE);
      const parts = Array.from({ length: 16 }, () => Buffer.alloc(128 * 1024, 'z'));
      const body = Readable.toWeb(Readable.from(parts)) as ReadableStream;
      const upload = await call('v1/echo', { method: 'POST', body, duplex: 'half' });
      assert.equal(((await upload.json()) as { body: string }).body.length, 2 * MEGABYTE);
      const [row] = await usesOf(started.server, person);
      assert.equal(Number(row.data_size), 20 * MEGABYTE);
    });

    test('are refused to another person, another application and without the scope', async (t) => {
      const started = await startWithGoogle(t, engine);
      const ada = await beginCalls(started);
      const eve = await beginCalls(started, { isConnected: false });
      const named = { headers: { 'connection-id': ada.connectionId } };
      await problemOf(await eve.call(CALENDARS, named), 403, 'not_connected');
      const other = await beginCalls(started, { scope: 'openid', client: { scope: 'openid' } });
      await problemOf(await other.call(CALENDARS), 403, 'missing_scopes');
      await problemOf(await ada.call(CALENDARS, { method: 'POST' }), 403, 'missing_scopes');
      const uses = await usesOf(started.server, eve.person);
      assert.deepEqual([uses[0].status, uses[0].error_code], ['failed', 'not_connected']);
    });

    test('are in the log while they last, and for a person who is deleted afterwards without an error', async (t) => {
      const started = await startWithGoogle(t, engine);
      const { server } = started;
      const { call, person } = await beginCalls(started);
      const aborting = new AbortController();
      const slow = call('v1/slow', { signal: aborting.signal }).catch(() => undefined);
      await started.google.received('/v1/slow');
      const { useLog } = server.services.connections;
      await useLog.write(new Date(Date.now() + 60_000));
      const [row] = await server.database.knex('T_sync_logs').where({ account_id: person.id });
      assert.deepEqual([row.status, row.completed_at], ['started', null]);
      await server.database.knex('T_accounts').where({ id: person.id }).delete();
      aborting.abort();
      await slow;
      await useLog.write();
      assert.equal((await server.database.knex('T_sync_logs')).length, 0);
    });
  });
}
