import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { createFapiClient, redeemFapi } from '../support/builders/fapi-client.ts';
import { startServer } from '../support/server.ts';

test('a JWT of a FAPI application is never signed with RS256, whatever its API asks for', async (t) => {
  const server = await startServer(t, 'sqlite');
  const resource = 'https://ledger.example/api';
  await server.services.resources.create(
    { accountId: null },
    { identifier: resource, scope: 'ledger:read', format: 'jwt', alg: 'RS256' },
  );
  const app = await createFapiClient(server, {
    scope: 'openid ledger:read',
    grantTypes: ['authorization_code', 'client_credentials'],
  });
  const fields = { scope: 'ledger:read', resource };
  const tokens = await oidc.clientCredentialsGrant(app.config, fields, { DPoP: app.dpop });
  assert.equal(decodeProtectedHeader(tokens.access_token).alg, 'ES256');
  const plain = await server.createClient({
    scope: 'ledger:read',
    grantTypes: ['client_credentials'],
    redirectUris: [],
  });
  const secret = oidc.ClientSecretBasic(String(plain.client_secret));
  const config = await oidc.discovery(new URL(server.issuer), plain.client_id, undefined, secret, {
    execute: [oidc.allowInsecureRequests],
  });
  const other = await oidc.clientCredentialsGrant(config, fields);
  assert.equal(decodeProtectedHeader(other.access_token).alg, 'RS256');
});

test('userinfo answers a FAPI application with its x-fapi-interaction-id, or else with the id of the request', async (t) => {
  const server = await startServer(t, 'sqlite');
  const app = await createFapiClient(server);
  const arrived = await app.signIn(await server.createAccount());
  const { access_token } = await redeemFapi(app, arrived);
  const url = new URL(`${server.issuer}/me`);
  const ask = async (id?: string) => {
    const headers = new Headers(id === undefined ? {} : { 'x-fapi-interaction-id': id });
    const options = { DPoP: app.dpop };
    const answer = await oidc.fetchProtectedResource(
      app.config,
      access_token,
      url,
      'GET',
      null,
      headers,
      options,
    );
    return answer.headers;
  };
  const id = '11e14845-E079-4b27-B4eB-4516c53036C7';
  assert.equal((await ask(id)).get('x-fapi-interaction-id'), id);
  for (const unfit of [undefined, 'forged line', `${id}0`]) {
    const headers = await ask(unfit);
    assert.equal(headers.get('x-fapi-interaction-id'), headers.get('x-request-id'));
  }
  const refused = await fetch(url, { headers: { 'x-fapi-interaction-id': id } });
  assert.equal(refused.headers.get('x-fapi-interaction-id'), null);
});
