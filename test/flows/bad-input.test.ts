import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const BIG = 'a'.repeat(65_536);

/** Sends bytes that no client library would. @returns the status, or 0 when the connection was closed */
function raw(server: TestServer, request: string | Buffer): Promise<number> {
  const { port } = new URL(server.issuer);
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
    socket.setTimeout(3000, () => socket.destroy());
    socket.once('data', (chunk) => {
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1]));
      socket.destroy();
    });
    socket.on('error', () => resolve(0));
    socket.on('close', () => resolve(0));
  });
}

async function rows(server: TestServer): Promise<number> {
  let count = 0;
  for (const table of [
    'T_authorization_requests',
    'T_user_sessions',
    'T_access_tokens',
    'T_grants',
    'T_authorization_codes',
  ]) {
    count += (await server.database.knex(table)).length;
  }
  return count;
}

for (const engine of engines) {
  describe(`bad input on ${engine}`, () => {
    test('is answered by 4xx, never by 5xx, and nothing is stored', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const basic = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`;
      const post = async (path: string, body: string, headers: Record<string, string> = FORM) =>
        (await fetch(server.issuer + path, { method: 'POST', body, headers }).catch(() => ({ status: 400 })))
          .status;
      const get = async (path: string) => (await fetch(server.issuer + path, { redirect: 'manual' })).status;
      const good = authorizeUrl(authorization(client));
      const answers: Record<string, number> = {
        'a body of 10 MB at /token': await post('/token', 'a'.repeat(10_000_000)),
        'a body of 10 MB at a page': await post('/interaction/abc', 'a'.repeat(10_000_000)),
        '64 KB of code': await post('/token', `grant_type=authorization_code&code=${BIG}`, {
          ...FORM,
          authorization: basic,
        }),
        '64 KB of client_id': await post('/token', `grant_type=client_credentials&client_id=${BIG}`),
        '64 KB of state': await get(`${good}&x=${BIG}`),
        'a NUL in client_id': await get(`/auth?client_id=${client.client_id}%00`),
        'a NUL in the token form': await post(
          '/token',
          'grant_type=refresh_token&refresh_token=a%00b&client_id=%00',
        ),
        'a NUL in Basic': await post('/token', 'grant_type=client_credentials', {
          ...FORM,
          authorization: `Basic ${Buffer.from('a\0:b').toString('base64')}`,
        }),
        'broken UTF-8 in the query': await get('/auth?client_id=%ff%fe'),
        'broken UTF-8 in the form': await post('/token', 'grant_type=%ff&client_id=%c3%28'),
        'broken UTF-8 in a page form': await post('/interaction/abc', 'csrf=%ff'),
        'a parameter twice': await get(`/auth?client_id=${client.client_id}&client_id=${client.client_id}`),
        'a form field twice': await post('/token', 'grant_type=client_credentials&grant_type=refresh_token', {
          ...FORM,
          authorization: basic,
        }),
        'JSON at /token': await post('/token', '{}', { 'content-type': 'application/json' }),
        'an unknown charset': await post('/token', 'grant_type=x', {
          'content-type': `${FORM['content-type']}; charset=klingon`,
        }),
        'UTF-16': await post('/token', 'grant_type=x', {
          'content-type': `${FORM['content-type']}; charset=utf-16`,
        }),
        'no body': await post('/token', ''),
        'a page form without content type': await post('/interaction/abc', 'a=b', {
          'content-type': 'text/plain',
        }),
        'a broken path': await get('/interaction/%E0%A4%A'),
        'a NUL in the path': await get('/interaction/%00'),
        '16 KB of headers': await raw(
          server,
          `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
        ),
        TRACE: await raw(server, 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n'),
        'no HTTP at all': await raw(server, Buffer.from([0, 1, 2, 255, 13, 10, 13, 10])),
        'two lengths': await raw(
          server,
          'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc',
        ),
      };
      const wrong = Object.entries(answers).filter(
        ([, status]) => status !== 0 && (status < 400 || status > 499),
      );
      assert.deepEqual(wrong, []);
      assert.equal(await rows(server), 0);
      assert.equal(await get('/healthz'), 200);
    });

    test('a nonce longer than its column is refused, to the application', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const response = await new Browser(server.issuer).get(
        authorizeUrl(authorization(client, { nonce: 'n'.repeat(256) })),
      );
      const answer = new URL(response.headers.get('location') ?? '').searchParams;
      assert.equal(answer.get('error'), 'invalid_request');
    });
  });
}

describe('the Host header', () => {
  test('is ignored: every URL has the issuer’s host', async (t) => {
    const server = await startServer(t, 'sqlite');
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    };
    const found = (await (
      await fetch(`${server.issuer}/.well-known/openid-configuration`, { headers })
    ).json()) as Record<string, string>;
    assert.equal(found.token_endpoint, `${server.issuer}/token`);
    assert.ok(!JSON.stringify(found).includes('evil'));
    assert.equal(
      await raw(server, 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\n\r\n'),
      200,
    );
  });

  test('a hundred copies of each cookie change nothing', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const cookie = Array.from({ length: 100 }, (_, index) => `latchkey_session=x${index}`).join('; ');
    const browser = new Browser(server.issuer);
    const response = await browser.follow(
      await browser.request(authorizeUrl(authorization(client)), { headers: { cookie } }),
    );
    assert.match((await formOf(response)).html, /name="password"/);
  });
});
