import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oidc from 'openid-client';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, redeem, walk } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const basic = ({ client_id, client_secret }: ClientDocument) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;

/** Pushes an authorization request as the application. */
async function push(server: TestServer, client: ClientDocument, params: Record<string, string>) {
  const response = await fetch(`${server.issuer}/request`, {
    method: 'POST',
    headers: client.client_secret ? { authorization: basic(client) } : {},
    body: new URLSearchParams(params),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** What is left of a request once it is pushed. */
const pushed = ({ client_id }: ClientDocument, request_uri = '') => ({
  verifier: '',
  params: { client_id, request_uri },
});

const insecure = { execute: [oidc.allowInsecureRequests] };

for (const engine of engines) {
  describe(`a pushed authorization request on ${engine}`, () => {
    test('of openid-client leads to tokens, and its parameters are not in the address', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ requirePar: true });
      const ada = await server.createAccount();
      const config = await oidc.discovery(
        new URL(server.issuer),
        client.client_id,
        client.client_secret,
        undefined,
        insecure,
      );
      const verifier = oidc.randomPKCECodeVerifier();
      const [redirectUri = ''] = client.redirect_uris as string[];
      const url = await oidc.buildAuthorizationUrlWithPAR(config, {
        redirect_uri: redirectUri,
        scope: 'openid profile',
        state: 'a state',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
      const request = { verifier, params: Object.fromEntries(url.searchParams) };
      const answer = await walk(new Browser(server.issuer), request, ada);
      const tokens = await oidc.authorizationCodeGrant(
        config,
        new URL(`${redirectUri}?${answerOf(answer)}`),
        {
          pkceCodeVerifier: verifier,
          expectedState: 'a state',
        },
      );
      assert.equal(tokens.claims()?.preferred_username, ada.username);
    });

    test('works once, also when two browsers finish at the same time', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const ada = await server.createAccount();
      const browsers = [new Browser(server.issuer), new Browser(server.issuer)];
      for (const browser of browsers) await walk(browser, authorization(client), ada);
      const { body } = await push(server, client, authorization(client).params);
      const request = pushed(client, body.request_uri);
      const answers = await Promise.all(browsers.map((browser) => walk(browser, request, ada)));
      // The later one meets it at the end, or does not find it at the beginning.
      const outcomes = answers.map((answer) =>
        answer.status === 400 ? 'invalid_request_uri' : (answerOf(answer).get('error') ?? 'code'),
      );
      assert.deepEqual(outcomes.sort(), ['code', 'invalid_request_uri']);
      const later = await walk(browsers[0] as Browser, request, ada);
      assert.equal(later.status, 400);
    });

    test('is refused in another name, without a secret, too large, or too often', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const other = await server.createClient();
      const { params } = authorization(client);
      assert.equal((await push(server, { ...client, client_secret: 'wrong' }, params)).status, 401);
      assert.equal(
        (await push(server, client, { ...params, redirect_uri: 'https://evil.example' })).status,
        400,
      );
      const deep = `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`;
      for (const [name, value] of [
        ['state', 'x'.repeat(4000)],
        ['claims', `{"userinfo":{"email":${deep}}}`],
      ] as const) {
        const { status, body } = await push(server, client, { ...params, [name]: value });
        assert.deepEqual([status, body.error], [400, 'invalid_request']);
        assert.match(String(body.error_description), /^The application sent a request of \d+ characters/);
      }
      const foreign = await push(server, client, params);
      const answer = await walk(new Browser(server.issuer), pushed(other, foreign.body.request_uri), {
        username: 'x',
        password: 'x',
      });
      assert.equal(answer.status, 400);
      const { knex } = server.database;
      assert.equal((await knex('T_pushed_authorization_requests')).length, 1);
    });
  });
}

test('the command requires pushed requests and DPoP, and no longer does so', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { url } = server.storage;
  const run = async (...args: string[]) => {
    const { stdout } = await latchkey(['client', ...args, '--json'], { url });
    const {
      require_pushed_authorization_requests: par,
      dpop_bound_access_tokens: dpop,
      client_id,
    } = JSON.parse(stdout);
    return { client_id, required: [par, dpop] };
  };
  const uri = ['--name', 'X', '--redirect-uri', 'https://x.example/cb'];
  const { client_id: id, required } = await run('create', ...uri, '--require-par', '--require-dpop');
  assert.deepEqual(required, [true, true]);
  assert.deepEqual((await run('update', id, '--no-require-par')).required, [false, true]);
  assert.deepEqual((await run('update', id, '--no-require-dpop', '--require-par')).required, [true, false]);
  assert.deepEqual((await run('update', id, '--name', 'Y')).required, [true, false]);
});

test('must be pushed where the application says so', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ requirePar: true });
  const answer = await walk(new Browser(server.issuer), authorization(client), {
    username: 'x',
    password: 'x',
  });
  assert.equal(answerOf(answer).get('error'), 'invalid_request');
  assert.match(String(answerOf(answer).get('error_description')), /Pushed Authorization Request/);
});

test('has the scope that was pushed, whatever stands beside it in the address', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid profile email notes:read');
  const grantTypes = ['authorization_code' as const, 'refresh_token' as const];
  const client = await server.createClient({ firstParty: true, requirePar: true, grantTypes });
  const service = await server.createClient({ requirePar: true, scope: 'notes:read' });
  const all = 'openid offline_access profile email';
  for (const [who, asked, inAddress, granted] of [
    [client, 'openid', all, 'openid'],
    [client, 'openid  offline_access profile', undefined, 'openid offline_access profile'],
    [client, 'openid offline_access', 'openid', 'openid offline_access'],
    [client, undefined, all, 'openid'],
    [service, 'notes:read', undefined, 'notes:read'],
  ] as const) {
    const nonce = who === service ? undefined : 'n';
    const request = authorization(who, { scope: asked, nonce: nonce && crypto.randomUUID() });
    const { status, body } = await push(server, who, request.params);
    assert.equal(status, 201, `${asked}: ${body.error_description}`);
    const visited = pushed(who, body.request_uri);
    if (inAddress) Object.assign(visited.params, { scope: inAddress });
    const code = answerOf(await walk(new Browser(server.issuer), visited, ada)).get('code');
    const tokens = await redeem(server, who, request, code);
    assert.deepEqual([tokens.status, tokens.body.scope], [200, granted], `${asked}, ${inAddress}`);
  }
  const none = authorization(client, { scope: 'billing:read' });
  assert.equal((await push(server, client, none.params)).body.error, 'invalid_scope');
});

test('an address pushes at most 100 requests of applications without a secret in 15 minutes', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ public: true });
  const { params } = authorization(client);
  for (let count = 0; count < 100; count += 1) assert.equal((await push(server, client, params)).status, 201);
  const { status, body } = await push(server, client, params);
  assert.deepEqual([status, body.error], [429, 'invalid_request']);
  assert.equal((await server.database.knex('T_pushed_authorization_requests')).length, 100);
});
