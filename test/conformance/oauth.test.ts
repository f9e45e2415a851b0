import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { startServer, type TestServer } from '../support/server.ts';

describe('OAuth 2.1', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let client: ClientDocument;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;
  before(async () => {
    server = await startServer(t, 'sqlite');
    client = await server.createClient({ grantTypes: ['authorization_code', 'client_credentials'] });
    ada = await server.createAccount();
  });
  after(close);

  test('a parameter without a value counts as left out, and one that is sent twice is refused', async () => {
    const empty = authorization(client, { prompt: '', max_age: '', login_hint: '' });
    assert.ok(answerOf(await walk(new Browser(server.issuer), empty, ada)).get('code'));
    const url = `${authorizeUrl(authorization(client))}&nonce=other`;
    assert.equal(answerOf(await new Browser(server.issuer).get(url)).get('error'), 'invalid_request');
    const fields = new URLSearchParams({ grant_type: 'client_credentials', client_id: client.client_id });
    fields.append('client_secret', String(client.client_secret));
    fields.append('grant_type', 'client_credentials');
    const response = await fetch(`${server.issuer}/token`, { method: 'POST', body: fields });
    assert.equal(((await response.json()) as { error: string }).error, 'invalid_request');
  });

  test('unknown parameters of the token endpoint are ignored', async () => {
    const request = authorization(client);
    const code = answerOf(await walk(new Browser(server.issuer), request, ada)).get('code');
    assert.equal((await redeem(server, client, request, code, { extra: 'foobar' })).status, 200);
  });

  test('responses of the token endpoint forbid caching, tokens and errors alike', async () => {
    const { tokens } = await signInWith(server, client, ada);
    const refused = await call(server, client, '/token', { grant_type: 'authorization_code', code: 'x' });
    for (const { headers } of [tokens, refused]) assert.equal(headers.get('cache-control'), 'no-store');
  });

  test('a refused bearer token gets WWW-Authenticate with the error, and a request without one only the challenge', async () => {
    const ask = async (headers: Record<string, string>) =>
      String((await fetch(`${server.issuer}/me`, { headers })).headers.get('www-authenticate'));
    assert.match(await ask({ authorization: 'Bearer x' }), /^Bearer .*error="invalid_token"/);
    assert.match(await ask({}), /^Bearer realm=/);
  });

  test('a service gets a token for itself with its secret, and no refresh token', async () => {
    const service = await server.createClient({
      grantTypes: ['client_credentials'],
      redirectUris: [],
      scope: 'reports:read',
    });
    const { body } = await call(server, service, '/token', { grant_type: 'client_credentials' });
    assert.equal(body.token_type, 'Bearer');
    assert.equal(body.refresh_token, undefined);
    const nobody = await call(server, { ...service, client_secret: '' }, '/token', {
      grant_type: 'client_credentials',
      client_id: service.client_id,
    });
    assert.equal(nobody.status, 401);
    assert.throws(
      () => server.createClient({ public: true, grantTypes: ['client_credentials'], redirectUris: [] }),
      /cannot use client_credentials/,
    );
  });

  test('a code or token is 256 random bits', async () => {
    const { answer, tokens } = await signInWith(server, client, ada);
    for (const value of [answer.get('code'), tokens.body.access_token])
      assert.ok(String(value).length >= 43, String(value).length.toString());
  });
});
