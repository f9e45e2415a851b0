import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import {
  beginCalls,
  CALENDARS,
  callerOf,
  problemOf,
  startWithGoogle,
  usesOf,
} from '../support/builders/proxied-calls.ts';
import { addGoogle } from '../support/upstream/connected.ts';

type Started = Awaited<ReturnType<typeof startWithGoogle>>;

const OPERATOR = { accountId: null };

describe('a call through the proxy is refused', () => {
  let started: Started;
  const ends: (() => unknown)[] = [];
  before(async () => {
    started = await startWithGoogle(
      { after: (end: unknown) => void ends.push(end as () => unknown) },
      'sqlite',
    );
  });
  after(async () => {
    for (const end of ends) await end();
  });
  const vault = () => started.server.services.connections.vault;

  test('with not_connected without a connection, after it was removed, and for a disabled service', async () => {
    const { server } = started;
    const none = await beginCalls(started, { isConnected: false });
    await problemOf(await none.call(CALENDARS), 403, 'not_connected');
    const { call, person, connectionId } = await beginCalls(started);
    assert.equal((await call(CALENDARS)).status, 200);
    const owner = { id: connectionId, accountId: person.id, service: 'google' };
    await vault().remove(owner, { actorId: person.id });
    await problemOf(await call(CALENDARS), 403, 'not_connected');

    await addGoogle(server.services, started.google, { name: 'disabled' });
    const disabled = await beginCalls(started, { service: 'disabled' });
    await server.services.connections.services.disable(OPERATOR, 'disabled');
    await problemOf(await disabled.call(CALENDARS), 403, 'not_connected');
  });

  test('with not_connected once the person has withdrawn the scope from the application', async () => {
    const { call, person, client } = await beginCalls(started);
    const { knex } = started.server.database;
    const grants = await knex('T_grants').where({ account_id: person.id, client_id: client.client_id });
    for (const { id, payload } of grants)
      await knex('T_grants')
        .where({ id })
        .update({ payload: payload.replace(' connections:google.read', '') });
    await problemOf(await call(CALENDARS), 403, 'not_connected');
  });

  test('with connection_required for one of several accounts, which Connection-Id names', async () => {
    const { call, connect, connectionId, person } = await beginCalls(started);
    const second = await connect();
    const problem = await problemOf(await call(CALENDARS), 400, 'connection_required');
    const ids = problem.connections.map(({ id }: { id: string }) => id);
    assert.deepEqual(new Set(ids), new Set([connectionId, second]));
    const answer = await call(CALENDARS, { headers: { 'connection-id': second } });
    assert.equal(answer.status, 200);
    const { knex } = started.server.database;
    const settings = JSON.stringify({ default_connections: { google: second } });
    const row = { id: uuidv7(), created_at: new Date(), account_id: person.id, settings };
    await knex('T_user_preferences').insert(row);
    assert.equal((await call(CALENDARS)).status, 200);
    const uses = await usesOf(started.server, person, 3);
    assert.equal(uses.at(-1).user_provider_id, second);
    const other = await beginCalls(started);
    const stranger = { headers: { 'connection-id': other.connectionId } };
    await problemOf(await call(CALENDARS, stranger), 403, 'not_connected');
  });

  test('with needs_reconnect when the service has ended the access, without asking it again', async () => {
    const { call, connectionId } = await beginCalls(started);
    started.google.expireAccess();
    started.google.revokeAll();
    await problemOf(await call(CALENDARS), 403, 'needs_reconnect');
    const before = started.google.counts.refreshes;
    await problemOf(await call(CALENDARS), 403, 'needs_reconnect');
    assert.equal(started.google.counts.refreshes, before);
    const [row] = await started.server.database.knex('T_user_providers').where({ id: connectionId });
    assert.equal(row.sync_status, 'error');
  });

  test('with needs_reconnect by a service that refuses a new credential, too; it is not refreshed for each call', async () => {
    const { call, connectionId } = await beginCalls(started);
    const { counts } = started.google;
    const before = counts.refreshes;
    for (const _ of [1, 2, 3]) {
      const problem = await problemOf(await call('v1/unauthorized'), 403, 'needs_reconnect');
      assert.equal(problem.reason, 'refused_after_refresh');
    }
    assert.equal(counts.refreshes, before + 1);
    assert.equal((await call(CALENDARS)).status, 200, 'an application cannot break a connection by a path');
    const [row] = await started.server.database.knex('T_user_providers').where({ id: connectionId });
    assert.deepEqual([row.sync_status, row.sync_error], ['active', null]);
  });

  test('with missing_scopes for what the person did not allow at the service', async () => {
    const { call } = await beginCalls(started, { granted: 'openid email' });
    const problem = await problemOf(await call(CALENDARS), 403, 'missing_scopes');
    assert.equal(problem.missing_from, 'connection');
    assert.ok(problem.scopes.includes('https://www.googleapis.com/auth/calendar.readonly'));
  });

  test('with rate_limited while the service asks to wait, and by the limit of the service', async () => {
    const { call, person } = await beginCalls(started);
    const busy = await call('v1/busy');
    assert.equal(busy.headers.get('retry-after'), '7');
    await problemOf(busy, 429, 'rate_limited');
    const before = started.google.requests.length;
    await problemOf(await call(CALENDARS), 429, 'rate_limited');
    assert.equal(started.google.requests.length, before);
    const rows = await usesOf(started.server, person, 2);
    assert.deepEqual(
      rows.map(({ error_code }) => error_code),
      ['rate_limited', 'rate_limited'],
    );
    const change = { settings: { rateLimit: { requests: 2, seconds: 60 } } };
    await addGoogle(started.server.services, started.google, { name: 'limited', change });
    const limited = await beginCalls(started, { service: 'limited' });
    for (const status of [200, 200]) assert.equal((await limited.call(CALENDARS)).status, status);
    const third = await limited.call(CALENDARS);
    assert.ok(Number(third.headers.get('retry-after')) > 50);
    await problemOf(third, 429, 'rate_limited');
  });

  test('with upstream_unreachable when nothing answers', async () => {
    const change = { apiBaseUrls: ['http://127.0.0.1:9/'] };
    await addGoogle(started.server.services, started.google, { name: 'absent', change });
    const { call } = await beginCalls(started, { service: 'absent' });
    await problemOf(await call(CALENDARS), 502, 'upstream_unreachable');
  });

  test('without the scope, and with the token of another person or application, at once', async () => {
    const ada = await beginCalls(started);
    const eve = await beginCalls(started, { isConnected: false });
    const others = { headers: { 'connection-id': ada.connectionId } };
    await problemOf(await eve.call(CALENDARS, others), 403, 'not_connected');
    const plain = await beginCalls(started, { scope: 'openid', client: { scope: 'openid profile' } });
    const problem = await problemOf(await plain.call(CALENDARS), 403, 'missing_scopes');
    assert.equal(problem.missing_from, 'application');
    assert.equal((await usesOf(started.server, plain.person, 0)).length, 0);
    await problemOf(await callerOf(started.server, 'x')(CALENDARS), 401, 'invalid_token');
  });
});
