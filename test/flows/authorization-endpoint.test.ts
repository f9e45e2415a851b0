import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { startServer, type TestServer } from '../support/server.ts';

const payload = (token: string | undefined) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());

async function refused(
  server: TestServer,
  client: ClientDocument,
  overrides: Record<string, string | undefined>,
) {
  const request = authorization(client, overrides);
  const response = await new Browser(server.issuer).get(authorizeUrl(request));
  const answer = answerOf(response);
  assert.equal(answer.get('code'), null);
  assert.equal(answer.get('iss'), server.issuer);
  assert.equal(answer.get('state'), request.params.state);
  return answer.get('error');
}

test('a request without a valid S256 challenge is refused, of a public application and of one at --pkce always', async (t) => {
  const server = await startServer(t, 'sqlite');
  for (const isPublic of [true, false]) {
    const client = await server.createClient(isPublic ? { public: true } : { pkce: 'always' });
    const faults: Record<string, string | undefined>[] = [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge: undefined },
      { code_challenge: '' },
      { code_challenge_method: 'plain' },
      { code_challenge_method: undefined },
      { code_challenge_method: 's256' },
      { code_challenge_method: 'S512' },
      { code_challenge: 'a'.repeat(42) },
      { code_challenge: 'a'.repeat(129) },
      { code_challenge: `${'a'.repeat(42)}!` },
      { code_challenge: `${'a'.repeat(42)}=` },
      { code_challenge: `${'a'.repeat(42)} ` },
    ];
    for (const fault of faults)
      assert.equal(await refused(server, client, fault), 'invalid_request', JSON.stringify(fault));
  }
  assert.equal((await server.database.knex('T_authorization_requests')).length, 0);
});

test('other response types and modes give no token and no code', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  for (const response_type of ['token', 'id_token', 'code token', 'code id_token', 'none']) {
    const request = authorization(client, { response_type });
    const location = String(
      (await new Browser(server.issuer).get(authorizeUrl(request))).headers.get('location'),
    );
    assert.match(location, /error=unsupported_response_type/, response_type);
    assert.ok(!/[?&#](code|access_token|id_token)=/.test(location), response_type);
  }
  for (const response_mode of [
    'web_message',
    'web_message.jwt',
    'JWT',
    'QUERY',
    'x',
    '__proto__',
    'constructor',
  ]) {
    const response = await new Browser(server.issuer).get(
      authorizeUrl(authorization(client, { response_mode })),
    );
    const location = response.headers.get('location');
    assert.ok(response.status < 500, response_mode);
    assert.ok(location === null || location.includes('error='), `${response_mode} ${location}`);
  }
});

test('prompt=none never shows a page', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const other = await server.createClient();
  const person = await server.createAccount();
  assert.equal(await refused(server, client, { prompt: 'none' }), 'login_required');
  assert.equal(await refused(server, client, { prompt: 'none login' }), 'invalid_request');
  const { browser } = await signInWith(server, client, person);
  const response = await browser.get(authorizeUrl(authorization(other, { prompt: 'none' })));
  assert.equal(answerOf(response).get('error'), 'consent_required');
  assert.equal(answerOf(response).get('code'), null);
  assert.ok(!(await response.text()).includes('<form'));
});

test('max_age and prompt=login demand a new sign-in, and auth_time rises', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const person = await server.createAccount();
  const { browser, tokens } = await signInWith(server, client, person, { max_age: '3600' });
  const first = payload(tokens.body.id_token).auth_time;
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const silent = authorization(client, { prompt: 'none', max_age: '1' });
  assert.equal(answerOf(await browser.get(authorizeUrl(silent))).get('error'), 'login_required');
  for (const more of [{ max_age: '1' }, { prompt: 'login' }]) {
    const page = await browser.follow(await browser.get(authorizeUrl(authorization(client, more))));
    assert.match((await formOf(page)).html, /name="password"/);
  }
  const again = await signInWith(server, client, person, { max_age: '1' }, browser);
  assert.ok(payload(again.tokens.body.id_token).auth_time > first);
});

test('an id_token_hint of another account or another issuer signs nobody in silently', async (t) => {
  const server = await startServer(t, 'sqlite');
  const elsewhere = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const ada = await server.createAccount('ada');
  const bob = await server.createAccount('bob');
  const { browser } = await signInWith(server, client, ada);
  const bobs = await signInWith(server, client, bob);
  const foreign = await signInWith(
    elsewhere,
    await elsewhere.createClient(),
    await elsewhere.createAccount('ada'),
  );
  const hints = [bobs.tokens.body.id_token, foreign.tokens.body.id_token, 'x', 'a.b.c'];
  for (const id_token_hint of hints) {
    const request = authorization(client, { prompt: 'none', id_token_hint });
    const answer = answerOf(await browser.get(authorizeUrl(request)));
    assert.equal(answer.get('code'), null);
    assert.match(String(answer.get('error')), /login_required|invalid_request/);
  }
});

test('an unsigned request and a request_uri are refused, and nothing is fetched', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  let hits = 0;
  const canary = createServer((_request, response) => {
    hits += 1;
    response.end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  t.after(() => canary.close());
  const request_uri = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/r`;
  assert.equal(await refused(server, client, { request_uri }), 'invalid_request_uri');
  assert.equal(
    await refused(server, client, { request: 'eyJhbGciOiJub25lIn0.e30.' }),
    'invalid_request_object',
  );
  assert.equal(hits, 0);
});

test('the state is returned exactly or not at all, and is only text in a form_post page', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const person = await server.createAccount();
  const state = '"><script>alert(1)</script>&\'\u202e';
  const { browser, answer } = await signInWith(server, client, person, { state });
  assert.equal(answer.get('state'), state);
  const page = await browser.get(authorizeUrl(authorization(client, { state, response_mode: 'form_post' })));
  const html = await page.text();
  assert.match(html, /name="code"/);
  assert.ok(!html.includes('<script>alert'));
  assert.doesNotMatch(String(page.headers.get('content-security-policy')), /unsafe-inline/);
  for (const length of [2000, 65_536]) {
    const large = authorization(client, { state: 'x'.repeat(length) });
    const response = await browser.get(authorizeUrl(large));
    const echoed = response.headers.get('location');
    if (echoed) assert.equal(new URL(echoed).searchParams.get('state'), large.params.state);
    else assert.ok(response.status >= 400 && response.status < 500, String(response.status));
  }
});

test('the authorization endpoint has no CORS, and every answer to a POST is 303', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const init = { headers: { origin: 'https://fieldnotes.example' } };
  const url = authorizeUrl(authorization(client));
  const got = await new Browser(server.issuer).request(url, init);
  assert.equal(got.headers.get('access-control-allow-origin'), null);
  const body = new URLSearchParams(authorization(client).params);
  const posted = await new Browser(server.issuer).request('/auth', { method: 'POST', body });
  assert.equal(posted.status, 303);
  assert.equal(posted.headers.get('access-control-allow-origin'), null);
  const denied = await walk(
    new Browser(server.issuer),
    authorization(client),
    await server.createAccount(),
    'deny',
  );
  assert.equal(denied.status, 303);
});
