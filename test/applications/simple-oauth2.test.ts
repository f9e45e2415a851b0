import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthorizationCode, ClientCredentials } from 'simple-oauth2';
import { Browser } from '../support/browser.ts';
import { answerOf, call, walk } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

test('simple-oauth2 gets, refreshes and revokes tokens', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const client = await server.createClient({
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    scope: 'openid profile email jobs:run',
    pkce: 'off',
  });
  const credentials = { id: client.client_id, secret: client.client_secret ?? '' };
  const endpoints = { tokenHost: server.issuer, tokenPath: '/token', revokePath: '/token/revocation' };
  const isActive = async (token: unknown) =>
    (await call(server, client, '/token/introspection', { token: String(token) })).body.active;

  const application = new AuthorizationCode({
    client: credentials,
    auth: { ...endpoints, authorizePath: '/auth' },
  });
  const redirectUri = 'https://fieldnotes.example/cb';
  const scope = 'openid offline_access';
  const url = new URL(application.authorizeURL({ redirect_uri: redirectUri, scope, state: 'x' }));
  const request = { params: Object.fromEntries(url.searchParams), verifier: '' };
  const code = answerOf(await walk(new Browser(server.issuer), request, person)).get('code') ?? '';
  const first = await application.getToken({ code, redirect_uri: redirectUri });
  const second = await first.refresh();
  assert.ok(await isActive(second.token.access_token));
  await second.revokeAll();
  assert.equal(await isActive(second.token.access_token), false);
  assert.equal(await isActive(second.token.refresh_token), false);

  const service = await new ClientCredentials({ client: credentials, auth: endpoints }).getToken({
    scope: 'jobs:run',
  });
  assert.ok(await isActive(service.token.access_token));
  await service.revoke('access_token');
  assert.equal(await isActive(service.token.access_token), false);
});
