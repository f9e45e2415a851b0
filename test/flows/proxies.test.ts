import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { startHaproxy, startNginx, withoutProxy } from '../support/http-proxies.ts';
import { startServer } from '../support/server.ts';
import { openWorld } from '../support/world.ts';

const FORWARD = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';
const FORGED = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.10' };

/** The address that the audit log has for a refused request with forged headers through those proxies. */
async function addressThrough(
  t: TestContext,
  trustProxy: number | string[],
  start: (t: TestContext, origin: string) => Promise<string>,
): Promise<string> {
  const server = await startServer(t, 'sqlite', { config: { trustProxy } });
  const client = await server.createClient();
  const proxy = await start(t, `http://127.0.0.1:${server.config.port}`);
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x' });
  const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
  const headers = { ...FORGED, authorization: `Basic ${basic}` };
  assert.equal((await fetch(`${proxy}/token`, { method: 'POST', body, headers })).status, 400);
  const event = await server.database
    .knex('T_auth_audit_log')
    .where('action', 'token_request.refused')
    .first();
  return event.ip_address;
}

const nginx = (t: TestContext, origin: string) =>
  startNginx(t, { '/': `proxy_pass ${origin}; ${FORWARD} proxy_buffer_size 8k;` });
const haproxy = (t: TestContext, origin: string) => startHaproxy(t, [origin]);

for (const [name, start] of Object.entries({ nginx, haproxy }))
  test(`behind ${name}, the address is the one that it saw, and forged headers are ignored`, {
    skip: withoutProxy(name as 'nginx' | 'haproxy'),
  }, async (t) => {
    assert.equal(await addressThrough(t, 1, start), '127.0.0.1');
    assert.equal(await addressThrough(t, ['10.0.0.0/8'], start), '127.0.0.1');
  });

test('behind nginx and HAProxy in a row, two trusted hops reach the client', {
  skip: withoutProxy('nginx') || withoutProxy('haproxy'),
}, async (t) => {
  // The outer one writes an address that no client could have here, in place of what it got.
  const row = async (context: TestContext, origin: string) => {
    const inner = await haproxy(context, origin);
    return startNginx(context, {
      '/': `proxy_pass ${inner}; proxy_set_header X-Forwarded-For "$http_x_forwarded_for, 198.51.100.7:4711";`,
    });
  };
  assert.equal(await addressThrough(t, 2, row), '198.51.100.7');
  assert.equal(await addressThrough(t, ['127.0.0.0/8'], row), '198.51.100.7');
  assert.equal(await addressThrough(t, 1, row), '127.0.0.1');
});

test('the longest authorization request goes through nginx', { skip: withoutProxy('nginx') }, async (t) => {
  const server = await startServer(t, 'sqlite');
  const request = authorization(await server.createClient());
  // Without a Host of its own, nginx sends that of the server.
  const proxy = await nginx(t, server.issuer);
  const statuses = new Set<number>();
  for (let length = 1500; length < 3000; length += 100) {
    request.params.state = 's'.repeat(length);
    const url = new URL(authorizeUrl(request), proxy);
    statuses.add((await fetch(url, { redirect: 'manual' })).status);
  }
  assert.deepEqual([...statuses], [303, 400], 'accepted up to the limit, and then refused by Latchkey');
});

test('a connection is kept for 65 seconds, or as long as LATCHKEY_KEEP_ALIVE says', async (t) => {
  const world = await openWorld(t, 'sqlite');
  for (const [settings, seconds] of [
    [{}, 65],
    [{ LATCHKEY_KEEP_ALIVE: '120' }, 120],
  ] as const) {
    const server = await world.start(settings);
    const { headers } = await fetch(`${server.issuer}/healthz`);
    assert.equal(headers.get('keep-alive'), `timeout=${seconds}`);
  }
});
