import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { createFapiClient } from '../support/builders/fapi-client.ts';
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
