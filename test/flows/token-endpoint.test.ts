import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };

async function codeFor(
  server: TestServer,
  client: ClientDocument,
  person: { username: string; password: string },
) {
  const request = authorization(client);
  const code = answerOf(await walk(new Browser(server.issuer), request, person)).get('code');
  return { request, code };
}

const active = async (server: TestServer, client: ClientDocument, token: string | undefined) =>
  (await call(server, client, '/token/introspection', { token })).body.active;

for (const engine of engines) {
  describe(`the token endpoint on ${engine}`, () => {
    test('a code that is used twice gives nothing, and its tokens are revoked', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const { tokens, request, answer } = await signInWith(server, client, await server.createAccount());
      assert.equal(await active(server, client, tokens.body.access_token), true);
      const again = await redeem(server, client, request, answer.get('code'));
      assert.equal(again.body.error, 'invalid_grant');
      assert.equal(again.headers.get('cache-control'), 'no-store');
      assert.equal(await active(server, client, tokens.body.access_token), false);
    });

    test('a wrong verifier, redirect URI or application gets nothing', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const other = await server.createClient();
      const person = await server.createAccount();
      const faults: Record<string, string | undefined>[] = [
        { code_verifier: undefined },
        { code_verifier: 'a'.repeat(43) },
        { code_verifier: '' },
        { redirect_uri: undefined },
        { redirect_uri: 'https://fieldnotes.example/cb/' },
        { code: undefined },
        { code: 'x' },
      ];
      for (const fault of faults) {
        const { request, code } = await codeFor(server, client, person);
        const answer = await redeem(server, client, request, code, fault);
        assert.equal(answer.status, 400, JSON.stringify(fault));
        assert.match(String(answer.body.error), /^invalid_(grant|request)$/);
        assert.equal(answer.body.access_token, undefined);
      }
      const { request, code } = await codeFor(server, client, person);
      assert.equal((await redeem(server, other, request, code)).body.error, 'invalid_grant');
      assert.equal(
        (await redeem(server, client, request, code)).status,
        200,
        'the right application can still redeem it',
      );
    });

    test('a verifier for a code without a challenge is refused', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ pkce: 'off' });
      const request = authorization(client, { code_challenge: undefined, code_challenge_method: undefined });
      const answer = answerOf(await walk(new Browser(server.issuer), request, await server.createAccount()));
      assert.ok(answer.get('code'));
      const tokens = await redeem(server, client, request, answer.get('code'));
      assert.equal(tokens.body.error, 'invalid_grant');
    });

    test('a code that expired a second ago is refused though its row is still there', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient();
      const { request, code } = await codeFor(server, client, await server.createAccount());
      const row = await knex('T_authorization_codes').first();
      const past = new Date(Date.now() - 1000);
      const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: Math.floor(past.getTime() / 1000) });
      await knex('T_authorization_codes').update({ expires_at: past, payload });
      assert.equal((await redeem(server, client, request, code)).body.error, 'invalid_grant');
    });

    test('a code does not work once its account, application or grant has ended', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient();
      const person = await server.createAccount();
      const gone = await codeFor(server, client, person);
      await knex('T_grants').update({ revoked_at: new Date() });
      assert.equal((await redeem(server, client, gone.request, gone.code)).body.error, 'invalid_grant');
      const disabled = await codeFor(server, client, person);
      await server.accounts.disable(OPERATOR, person.username);
      assert.equal(
        (await redeem(server, client, disabled.request, disabled.code)).body.error,
        'invalid_grant',
      );
      await server.accounts.enable(OPERATOR, person.username);
      const last = await codeFor(server, client, person);
      await server.clients.disable(OPERATOR, client.client_id);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal((await redeem(server, client, last.request, last.code)).status, 401);
    });
  });
}

test('an application that does not authenticate gets 401, and one that does it twice gets invalid_request', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const open = await server.createClient({ public: true });
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const secret = String(client.client_secret);
  const post = (fields: Record<string, string>, authorization?: string) =>
    fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', code: 'x', ...fields }),
      headers: authorization ? { authorization } : {},
    });
  const refused: [Record<string, string>, string?][] = [
    [{ client_id: client.client_id }],
    [{ client_id: client.client_id, client_secret: '' }],
    [{ client_id: client.client_id, client_secret: 'x' }],
    [{ client_id: 'nobody', client_secret: 'x' }],
    [{}, basic(client.client_id, '')],
    [{}, basic(client.client_id, 'none')],
    [{}, basic(client.client_id, `${secret}x`)],
    [{}, basic(open.client_id, 'x')],
    [{ client_id: open.client_id, client_secret: 'x' }],
    [{}],
  ];
  for (const [fields, header] of refused) {
    const response = await post(fields, header);
    const seen = JSON.stringify([fields, header, await response.json()]);
    assert.equal(response.status, 401, seen);
    assert.equal(response.headers.get('cache-control'), 'no-store');
  }
  const twice = await post(
    { client_id: client.client_id, client_secret: secret },
    basic(client.client_id, secret),
  );
  assert.equal(twice.status, 400);
  assert.equal(((await twice.json()) as { error: string }).error, 'invalid_request');
});

test('the token endpoint accepts neither GET nor a query nor JSON', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ public: true });
  const { request, code } = await codeFor(server, client, await server.createAccount());
  const fields = {
    grant_type: 'authorization_code',
    client_id: client.client_id,
    code: String(code),
    redirect_uri: String(request.params.redirect_uri),
    code_verifier: request.verifier,
  };
  const url = `${server.issuer}/token`;
  const query = `${url}?${new URLSearchParams(fields)}`;
  const form = 'application/x-www-form-urlencoded';
  const attempts = [
    fetch(query),
    fetch(query, { method: 'POST', headers: { 'content-type': form } }),
    fetch(url, {
      method: 'POST',
      body: JSON.stringify(fields),
      headers: { 'content-type': 'application/json' },
    }),
    fetch(url, {
      method: 'POST',
      body: String(new URLSearchParams(fields)),
      headers: { 'content-type': 'text/plain' },
    }),
    fetch(url, { method: 'PUT', body: new URLSearchParams(fields) }),
  ];
  for (const [index, response] of (await Promise.all(attempts)).entries())
    assert.ok(response.status >= 400 && response.status < 500, `${index}: ${response.status}`);
  assert.equal((await redeem(server, client, request, code)).status, 200, 'and the code was not used up');
});

test('the endpoints for applications answer in JSON, whatever the Accept header says', async (t) => {
  const server = await startServer(t, 'sqlite');
  const form = 'application/x-www-form-urlencoded';
  const attempts: [string, RequestInit][] = [
    ['/token', { method: 'POST', body: 'grant_type=x', headers: { 'content-type': form } }],
    ['/token', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }],
    ['/token', {}],
    ['/token?x=%00', { method: 'POST' }],
    ['/token/introspection', { method: 'POST', body: 'token=x', headers: { 'content-type': form } }],
    ['/token/revocation', { method: 'POST', body: 'token=x', headers: { 'content-type': form } }],
    ['/token/nowhere', {}],
    ['/me', { headers: { authorization: 'Bearer x' } }],
  ];
  for (const accept of ['*/*', 'text/html,application/xhtml+xml,*/*;q=0.8']) {
    for (const [path, init] of attempts) {
      const headers = { ...(init.headers as Record<string, string>), accept };
      const response = await fetch(server.issuer + path, { ...init, headers });
      const seen = `${path} ${accept} ${response.status}`;
      assert.ok(response.status >= 400 && response.status < 500, seen);
      assert.match(String(response.headers.get('content-type')), /^application\/json/, seen);
      assert.ok(((await response.json()) as { error?: string }).error, seen);
    }
  }
});
