import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { call } from '../support/builders/authorization.ts';
import { DESCRIPTION, manage, register } from '../support/builders/registration.ts';
import type { TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

describe('managing a registration', () => {
  const shared = shareServer();
  let server: TestServer;
  before(() => {
    ({ server } = shared);
  });

  test('reads, replaces and deletes it with the token of that registration alone', async () => {
    const { body: first } = await register(server);
    const { body: second } = await register(server);
    const uri = first.registration_client_uri;
    assert.equal(uri, `${server.issuer}/register/${first.client_id}`);
    const read = await manage('GET', uri, first.registration_access_token);
    assert.deepEqual([read.status, read.body.client_name], [200, 'Harbour CLI']);
    assert.equal(read.body.registration_access_token, first.registration_access_token);
    for (const method of ['GET', 'DELETE'] as const)
      assert.equal((await manage(method, uri, `${first.registration_access_token}x`)).status, 401);
    const changed = await manage('PUT', uri, first.registration_access_token, {
      ...DESCRIPTION,
      client_id: first.client_id,
      client_name: 'Harbour',
      is_first_party: true,
      redirect_uris: ['http://127.0.0.1/other'],
    });
    assert.deepEqual([changed.status, changed.body.client_name], [200, 'Harbour']);
    const stored = await server.clients.show(first.client_id);
    assert.deepEqual(
      [stored.redirect_uris, stored.is_first_party, stored.registered_via],
      [['http://127.0.0.1/other'], false, 'dynamic'],
    );
    const bad = await manage('PUT', uri, first.registration_access_token, {
      ...DESCRIPTION,
      client_id: first.client_id,
      redirect_uris: ['javascript:x'],
    });
    assert.deepEqual([bad.status, bad.body.error], [400, 'invalid_redirect_uri']);
    // The token of another registration. The engine then forgets it, so it comes last.
    assert.equal((await manage('GET', uri, second.registration_access_token)).status, 401);
    assert.equal((await manage('DELETE', uri, first.registration_access_token)).status, 204);
    await assert.rejects(server.clients.show(first.client_id), /There is no application/);
    assert.equal((await manage('GET', uri, first.registration_access_token)).status, 401);
    const rows = JSON.stringify(await server.database.knex('T_registration_tokens'));
    assert.ok(!rows.includes(String(second.registration_access_token)));
  });

  test('gives a secret when the application becomes confidential, and only then', async () => {
    const { body: client } = await register(server);
    const uri = client.registration_client_uri;
    const token = client.registration_access_token;
    const put = (more: object) =>
      manage('PUT', uri, token, {
        ...DESCRIPTION,
        redirect_uris: ['https://app.example/cb'],
        client_id: client.client_id,
        ...more,
      });
    const confidential = await put({ token_endpoint_auth_method: 'client_secret_basic' });
    const secret = confidential.body.client_secret;
    assert.match(String(secret), /^[\w-]{43}$/);
    const again = await put({ token_endpoint_auth_method: 'client_secret_basic', client_name: 'Renamed' });
    assert.deepEqual([again.status, again.body.client_secret], [200, undefined]);
    const open = (key: string) =>
      call(server, { client_id: client.client_id, client_secret: key }, '/token', {
        grant_type: 'authorization_code',
        code: 'x',
        redirect_uri: 'https://app.example/cb',
      });
    assert.equal((await open('wrong')).body.error, 'invalid_client');
    assert.equal((await open(String(secret))).body.error, 'invalid_grant');
  });
});
