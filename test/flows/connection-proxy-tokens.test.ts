import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { signInWith } from '../support/builders/authorization.ts';
import {
  beginCalls,
  CALENDARS,
  callerOf,
  problemOf,
  startWithGoogle,
} from '../support/builders/proxied-calls.ts';
import { isOpensslInstalled } from '../support/certificates.ts';
import { createCertificateFolder, makeSelfSigned } from '../support/client-certificates.ts';

const API = 'https://index.example/api';
const PROXY = {
  trustProxy: ['127.0.0.1'],
  clientCertificates: { header: 'x-client-cert', verifiedHeader: 'x-client-verify' },
};

test('a token for an API calls no service, whatever its scopes', async (t) => {
  const started = await startWithGoogle(t, 'sqlite');
  const { server, google } = started;
  await server.services.resources.create(
    { accountId: null },
    { identifier: API, scope: 'notes:read', format: 'opaque' },
  );
  const { person } = await beginCalls(started);
  const scope = 'openid connections:google.read notes:read';
  const client = await server.createClient({ scope });
  await server.database
    .knex('T_accounts')
    .where({ id: person.id })
    .update({ scopes: JSON.stringify(['openid', 'connections:*', 'notes:read']) });
  const { tokens } = await signInWith(server, client, person, { scope, resource: API });
  const token = String(tokens.body.access_token);
  const calls = google.requests.length;
  await problemOf(await callerOf(server, token)(CALENDARS), 401, 'invalid_token');
  // Also if it had the scope.
  const row = server.database.knex('T_access_tokens').where({ client_id: client.client_id });
  assert.equal(await row.clone().update({ scope: 'connections:google.read' }), 1);
  await problemOf(await callerOf(server, token)(CALENDARS), 401, 'invalid_token');
  assert.equal(google.requests.length, calls);
});

test('a token that is bound to a certificate calls a service with that certificate alone', {
  skip: !isOpensslInstalled() && 'apt-get install openssl',
}, async (t) => {
  const started = await startWithGoogle(t, 'sqlite', PROXY);
  const { server, google } = started;
  const folder = createCertificateFolder();
  const [own, other] = [makeSelfSigned(folder, 'own'), makeSelfSigned(folder, 'other')];
  const { client, call } = await beginCalls(started);
  assert.equal((await call(CALENDARS)).status, 200);
  // RFC 8705 section 3.1. How tokens become bound is in mutual-tls.test.ts.
  const thumbprint = hash('sha256', new X509Certificate(own.cert).raw, 'base64url');
  const row = server.database.knex('T_access_tokens').where({ client_id: client.client_id });
  const { payload } = await row.clone().first('payload');
  await row.clone().update({ payload: JSON.stringify({ ...JSON.parse(payload), 'x5t#S256': thumbprint }) });
  const by = (cert: string, verified = 'SUCCESS') =>
    call(CALENDARS, { headers: { 'x-client-cert': encodeURIComponent(cert), 'x-client-verify': verified } });
  await problemOf(await call(CALENDARS), 401, 'invalid_token');
  await problemOf(await by(other.cert), 401, 'invalid_token');
  assert.equal((await by(own.cert)).status, 200);
  const sent = Object.keys(google.requests.at(-1)?.headers ?? {});
  assert.ok(!sent.some((name) => name.startsWith('x-client-')), 'the certificate stays here');
});
