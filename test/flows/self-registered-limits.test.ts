import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSALS_PER_HOUR } from '../../src/oidc/audit-refusals.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, call, walk } from '../support/builders/authorization.ts';
import { createKey, type Key, present, sign } from '../support/builders/client-assertions.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Registers an application, as anyone can. */
async function register(server: TestServer, metadata: object = {}): Promise<ClientDocument> {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['https://fieldnotes.example/cb'], ...metadata }),
  });
  assert.equal(response.status, 201);
  return (await response.json()) as ClientDocument;
}

async function registerWithKey(server: TestServer): Promise<{ client: ClientDocument; key: Key }> {
  const key = await createKey('ES256', 'one');
  const metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } };
  return { client: await register(server, metadata), key };
}

test('an application that registered itself can push as few requests as a public one', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await register(server);
  const { params } = authorization(client);
  for (let count = 0; count < 100; count += 1)
    assert.equal((await call(server, client, '/request', params)).status, 201);
  assert.equal((await call(server, client, '/request', params)).status, 429);
});

test('its description has a bounded size, unless the operator has given it a token', async (t) => {
  const server = await startServer(t, 'sqlite');
  const long = Array.from(
    { length: 4 },
    (_, index) => `https://fieldnotes.example/${index}${'x'.repeat(1500)}`,
  );
  const { token } = await server.services.registrationTokens.create({ accountId: null }, {});
  const send = async (headers: Record<string, string>) => {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ redirect_uris: long }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const { status, body } = await send({});
  assert.deepEqual([status, body.error], [400, 'invalid_client_metadata']);
  assert.match(String(body.error_description), /At most 4096 are stored without an initial access token/);
  assert.equal((await send({ authorization: `Bearer ${token}` })).status, 201);
});

test('its changes of its registration count as registrations do', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await register(server);
  const { client_id, redirect_uris, registration_client_uri, registration_access_token } = client;
  const change = async () => {
    const response = await fetch(String(registration_client_uri), {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${registration_access_token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ client_id, redirect_uris }),
    });
    return response.status;
  };
  for (let count = 1; count < 100; count += 1) assert.equal(await change(), 200);
  assert.equal(await change(), 429);
});

test('the refusals of all such applications are limited together', async (t) => {
  const server = await startServer(t, 'sqlite');
  const clients = [await register(server), await register(server)];
  for (let count = 0; count < REFUSALS_PER_HOUR; count += 1)
    for (const client of clients) await call(server, client, '/token', { grant_type: 'authorization_code' });
  const rows = await server.database.knex('T_auth_audit_log').where({ action: 'token_request.refused' });
  assert.equal(rows.length, REFUSALS_PER_HOUR);
});

test('its assertions write a row only with what they lead to, and work once', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const { client, key } = await registerWithKey(server);
  const { knex } = server.database;
  const assertion = await sign(server, client.client_id, key);
  const introspect = () => present(server, assertion, '/token/introspection', { token: 'x' });
  for (const status of [200, 200]) assert.equal((await introspect()).status, status);
  const useless = await present(server, await sign(server, client.client_id, key), '/token', {
    grant_type: 'authorization_code',
    code: 'x',
    redirect_uri: 'https://fieldnotes.example/cb',
  });
  assert.equal(useless.status, 400);
  assert.deepEqual(await knex('T_replay_detections'), []);

  const redeem = async () => {
    const request = authorization(client);
    const code = answerOf(await walk(new Browser(server.issuer), request, ada)).get('code') ?? '';
    return () =>
      present(server, assertion, '/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: request.verifier,
        redirect_uri: 'https://fieldnotes.example/cb',
      });
  };
  const attempts = [await redeem(), await redeem(), await redeem()];
  const answers = await Promise.all(attempts.slice(0, 2).map((attempt) => attempt()));
  const statuses = answers.map(({ status }) => status).sort();
  assert.ok([String([200, 400]), String([200, 401])].includes(String(statuses)), String(statuses));
  assert.equal((await attempts[2]?.())?.status, 401, 'later');
  assert.equal((await introspect()).status, 401);
  assert.equal((await knex('T_replay_detections')).length, 1);
  assert.equal((await knex('T_access_tokens')).length, 1);
});
