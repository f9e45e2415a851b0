import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, signInWith } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

describe('introspection, revocation and userinfo', () => {
  test('an application neither sees nor ends the tokens of another', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const other = await server.createClient();
    const { tokens } = await signInWith(server, client, await server.createAccount());
    const token = tokens.body.access_token;
    assert.deepEqual((await call(server, other, '/token/introspection', { token })).body, {
      active: false,
    });
    await call(server, other, '/token/revocation', { token });
    assert.equal((await call(server, client, '/token/introspection', { token })).body.active, true);
    assert.equal((await call(server, client, '/token/revocation', { token })).status, 200);
    assert.deepEqual((await call(server, client, '/token/introspection', { token })).body, {
      active: false,
    });
  });

  test('tell an application the username only if it was granted the profile', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    for (const [scope, username] of [
      ['openid', undefined],
      ['openid email', undefined],
      ['openid profile', 'ada'],
    ] as const) {
      const { tokens } = await signInWith(server, client, ada, { scope });
      const token = tokens.body.access_token;
      const { body } = await call(server, client, '/token/introspection', { token });
      assert.equal(body.username, username, scope);
    }
  });

  test('clients must authenticate, and a token in the query is ignored', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const { tokens } = await signInWith(server, client, await server.createAccount(), { scope: 'openid' });
    const token = String(tokens.body.access_token);
    for (const path of ['/token/introspection', '/token/revocation']) {
      const body = new URLSearchParams({ token });
      assert.equal((await fetch(`${server.issuer}${path}`, { method: 'POST', body })).status, 401);
    }
    assert.equal((await call(server, client, '/token/introspection', { token })).body.active, true);
    const query = await fetch(`${server.issuer}/me?access_token=${token}`);
    assert.ok(query.status === 400 || query.status === 401, String(query.status));
    const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual(Object.keys((await me.json()) as object), ['sub'], 'only the claims of openid');
  });
});
