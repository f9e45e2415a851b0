import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, refresh, signInWith } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const sorted = (scope: unknown) => String(scope).split(' ').sort();

describe('scopes', () => {
  test('a token has only scopes that were requested, that the application may use and that the account has', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid notes:* latchkey:audit profile' });
    const person = await server.createAccount('ada', 'openid notes:write latchkey:audit email');
    const scope =
      'openid notes:write notes:write.read notes:other latchkey:audit latchkey:keys profile email';
    const { tokens } = await signInWith(server, client, person, { scope });
    assert.deepEqual(sorted(tokens.body.scope), [
      'latchkey:audit',
      'notes:write',
      'notes:write.read',
      'openid',
    ]);
  });

  test('a wildcard is never a scope of a token', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid *:*' });
    const person = await server.createAccount('ada', '*:*');
    const { tokens } = await signInWith(server, client, person, { scope: 'openid *:* notes:* notes:read' });
    assert.deepEqual(sorted(tokens.body.scope), ['notes:read', 'openid']);
  });

  test('a refresh gives only scopes that the account and the application still have', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { knex } = server.database;
    const client = await server.createClient({ scope: 'openid notes:read notes:write' });
    const person = await server.createAccount('ada', 'notes:read notes:write');
    const scope = 'openid offline_access notes:read notes:write';
    const { tokens } = await signInWith(server, client, person, { scope, prompt: 'consent' });
    assert.deepEqual(sorted(tokens.body.scope), sorted(scope));
    await knex('T_accounts').update({ scopes: '["notes:read"]' });
    const second = await refresh(server, client, tokens.body.refresh_token);
    const info = await call(server, client, '/token/introspection', { token: second.body.access_token });
    assert.ok(!sorted(info.body.scope).includes('notes:write'));
    assert.ok(!sorted(second.body.scope).includes('notes:write'), 'the response does not list it either');
    await server.clients.update(OPERATOR, client.client_id, { scope: 'openid' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const third = await refresh(server, client, second.body.refresh_token);
    const last = await call(server, client, '/token/introspection', { token: third.body.access_token });
    assert.ok(!sorted(last.body.scope).includes('notes:read'));
  });
});

test('a token for Latchkey’s own API lives an hour at most', async (t) => {
  const ttl = {
    accessToken: 86_400,
    refreshToken: 86_400,
    refreshTokenMax: 86_400,
    session: 86_400,
    sessionMax: 7_776_000,
  };
  const server = await startServer(t, 'sqlite', { config: { ttl } });
  const client = await server.createClient({ scope: 'openid latchkey:audit' });
  const person = await server.createAccount('ada', 'latchkey:audit');
  const strong = await signInWith(server, client, person, { scope: 'openid latchkey:audit' });
  assert.equal(strong.tokens.body.expires_in, 3600);
  const plain = await signInWith(server, client, person, { scope: 'openid' });
  assert.equal(plain.tokens.body.expires_in, 86_400);
});
