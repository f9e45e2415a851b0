import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import {
  beginCalls,
  CALENDARS,
  problemOf,
  startWithGoogle,
  usesOf,
} from '../support/builders/proxied-calls.ts';
import { receiveAll, sendRaw } from '../support/raw-http.ts';

type Started = Awaited<ReturnType<typeof startWithGoogle>>;

describe('the proxy of connections', () => {
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

  test('sends a call to the API with the credential of the person, and nothing of the application’s', async () => {
    const { call, token } = await beginCalls(started, { scope: 'openid connections:google.write' });
    const response = await call('v1/echo?a=1&b=%20', {
      method: 'PUT',
      body: 'words',
      headers: {
        cookie: 'a=b',
        'x-forwarded-for': '10.1.1.1',
        'content-type': 'text/plain',
        'x-custom': '1',
      },
    });
    assert.equal(response.status, 200);
    const echo = (await response.json()) as {
      method: string;
      path: string;
      body: string;
      headers: Record<string, string>;
    };
    assert.equal(`${echo.method} ${echo.path} ${echo.body}`, 'PUT /v1/echo?a=1&b=%20 words');
    assert.match(String(echo.headers.authorization), /^Bearer ya29-/);
    assert.equal(echo.headers['x-custom'], '1');
    assert.equal(echo.headers.host, new URL(started.google.url).host);
    assert.ok(!('cookie' in echo.headers) && !('x-forwarded-for' in echo.headers));
    assert.ok(!JSON.stringify(echo).includes(token));
  });

  test('writes one row for each call, with who, what, bytes and how it ended', async () => {
    const { call, person, client, connectionId } = await beginCalls(started);
    const answer = await (await call(`${CALENDARS}?secret=1`)).text();
    await (await call('v1/error')).text();
    const [first, second] = await usesOf(started.server, person, 2);
    assert.deepEqual(
      [first.client_id, first.user_provider_id, first.provider, first.action_type, first.status],
      [client.client_id, connectionId, 'google', 'api_call', 'completed'],
    );
    assert.equal(first.resource, `GET /${CALENDARS}`);
    assert.equal(Number(first.data_size), Buffer.byteLength(answer));
    assert.ok(first.completed_at && first.duration_ms !== null);
    assert.deepEqual([second.status, second.error_code], ['failed', '500']);
  });

  test('lets .read only read, and counts an override of the method like that method', async () => {
    const { call } = await beginCalls(started);
    assert.equal((await call(CALENDARS)).status, 200);
    assert.equal((await call(CALENDARS, { method: 'HEAD' })).status, 200);
    const before = started.google.requests.length;
    for (const [path, init] of [
      [CALENDARS, { method: 'POST' }],
      [CALENDARS, { method: 'DELETE' }],
      [CALENDARS, { method: 'GET', headers: { 'x-http-method-override': 'DELETE' } }],
      [`${CALENDARS}?method=delete`, { method: 'GET' }],
    ] as const) {
      const problem = await problemOf(await call(path, init), 403, 'missing_scopes');
      assert.deepEqual(problem.scopes, ['connections:google.write']);
    }
    assert.equal(started.google.requests.length, before);
  });

  test('refuses TRACE, which would show the credential', async () => {
    const { token } = await beginCalls(started, { scope: 'openid connections:google.write' });
    const socket = sendRaw(
      started.server.issuer,
      `TRACE /connections/google/proxy/v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(await receiveAll(socket), /^HTTP\/1\.1 405 /);
  });

  test('sends no path, host or whole URL elsewhere', async () => {
    const { token } = await beginCalls(started);
    const targets = [
      '/connections/google/proxy/../../me',
      '/connections/google/proxy/%2e%2e/x',
      '/connections/google/proxy//elsewhere.example/x',
      '/connections/google/proxy/a\\b',
      '/connections/google/proxy/a%0d%0aHost:%20elsewhere.example',
      '/connections/google/proxy/http://elsewhere.example/',
    ];
    const before = started.google.requests.length;
    for (const target of targets) {
      const socket = sendRaw(
        started.server.issuer,
        `GET ${target} HTTP/1.1\r\nHost: elsewhere.example\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      const answer = await receiveAll(socket);
      assert.match(answer, /^HTTP\/1\.1 400 /, target);
      assert.match(answer, /"code":"path_not_allowed"/, target);
    }
    assert.equal(started.google.requests.length, before);
    const whole = sendRaw(
      started.server.issuer,
      `GET http://elsewhere.example/connections/google/proxy/v1/echo HTTP/1.1\r\nHost: elsewhere.example\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(await receiveAll(whole), /^HTTP\/1\.1 200 /);
    const arrived = started.google.requests.at(-1);
    assert.equal(arrived?.path, '/v1/echo');
    assert.equal(arrived?.headers.host, new URL(started.google.url).host);
  });

  test('follows no redirect: one within the API leads through the proxy, any other has a name that nothing follows', async () => {
    const { call } = await beginCalls(started);
    const elsewhere = await call('v1/redirect?to=https://elsewhere.example/x');
    assert.equal(elsewhere.status, 302);
    assert.equal(elsewhere.headers.get('location'), null);
    assert.equal(elsewhere.headers.get('upstream-location'), 'https://elsewhere.example/x');
    const within = await call('v1/redirect?to=/calendar/v3/x');
    assert.equal(within.headers.get('location'), '/connections/google/proxy/calendar/v3/x');
  });

  test('gives a page of the service no power over this server’s origin', async () => {
    const { call } = await beginCalls(started);
    const { headers } = await call('v1/page');
    assert.match(String(headers.get('content-security-policy')), /sandbox/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('set-cookie'), null);
    assert.equal(headers.get('clear-site-data'), null);
  });

  test('tells a browser of another origin which origins may call, before and when it calls', async () => {
    const { token, client } = await beginCalls(started);
    const origin = new URL((client.redirect_uris as string[])[0] ?? '').origin;
    const url = `${started.server.issuer}/connections/google/proxy/${CALENDARS}`;
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization',
      },
    });
    assert.equal(preflight.status, 204);
    assert.match(String(preflight.headers.get('access-control-allow-methods')), /PUT/);
    const authorization = `Bearer ${token}`;
    const own = await fetch(url, { headers: { origin, authorization } });
    assert.equal(own.status, 200);
    assert.equal(own.headers.get('access-control-allow-origin'), origin);
    const other = await fetch(url, { headers: { origin: 'https://elsewhere.example', authorization } });
    assert.equal(other.status, 400);
    assert.equal(other.headers.get('access-control-allow-origin'), null);
  });

  test('answers 401 without a token of this server, and for one that is for an API', async () => {
    const url = `${started.server.issuer}/connections/google/proxy/${CALENDARS}`;
    for (const headers of [{}, { authorization: 'Bearer unknown' }]) {
      const response = await fetch(url, { headers: { accept: 'text/html', ...headers } });
      await problemOf(response, 401, 'invalid_token');
      assert.match(String(response.headers.get('www-authenticate')), /^Bearer/);
    }
  });

  test('ends the call at the service when the application ends its connection, and says so in the log', async () => {
    const { token, person } = await beginCalls(started);
    const headers = { authorization: `Bearer ${token}` };
    const slow = request(`${started.server.issuer}/connections/google/proxy/v1/slow`, { headers });
    slow.on('error', () => {}).end();
    await started.google.received('/v1/slow');
    slow.destroy();
    const download = request(`${started.server.issuer}/connections/google/proxy/v1/download?bytes=50000000`, {
      headers,
    });
    download.on('error', () => {}).end();
    const [response] = await once(download, 'response');
    await once(response, 'data');
    download.destroy();
    const rows = await usesOf(started.server, person, 2);
    assert.deepEqual(
      rows.map(({ status }) => status),
      ['cancelled', 'cancelled'],
    );
  });

  test('cuts an answer off that the service cut off', async () => {
    const { call, person } = await beginCalls(started);
    const response = await call('v1/broken');
    await assert.rejects(response.text());
    const [row] = await usesOf(started.server, person);
    assert.deepEqual([row.status, row.error_code], ['failed', 'upstream_unreachable']);
  });
});
