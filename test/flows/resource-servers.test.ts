import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { call, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };

for (const engine of engines) {
  describe(`a resource server on ${engine}`, () => {
    test('may introspect access tokens that have a scope it serves, and learns of these scopes only', async (t) => {
      const lines: Record<string, unknown>[] = [];
      const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
      const server = await startServer(t, engine, { log });
      const client = await server.createClient({ scope: 'openid notes:* mail:read', firstParty: true });
      const ada = await server.createAccount('ada', 'notes:* mail:*');
      const api = await server.createClient({
        redirectUris: [],
        resourceServer: true,
        scope: 'notes:read notes:write',
      });
      assert.deepEqual([api.grant_types, api.is_resource_server], [[], true]);
      const check = async (by: typeof api, token: string | undefined) =>
        (await call(server, by, '/token/introspection', { token })).body;
      const { tokens } = await signInWith(server, client, ada, { scope: 'openid notes:read mail:read' });
      const { access_token: token, refresh_token } = tokens.body;
      const seen = await check(api, token);
      assert.deepEqual(
        [seen.active, seen.scope, seen.username, seen.sub, seen.aud, seen.client_id],
        [true, 'notes:read', 'ada', ada.id, api.client_id, client.client_id],
      );
      const own = await check(client, token);
      assert.deepEqual(
        [own.username, own.aud, own.scope],
        [undefined, client.client_id, 'openid notes:read mail:read'],
        'an application gets no claim of a scope that it was not granted',
      );

      const none = { active: false };
      const refused = () => lines.filter(({ event }) => event === 'introspection.refused');
      assert.deepEqual(await check(api, refresh_token), none, 'a refresh token');
      const mail = await signInWith(server, client, ada, { scope: 'openid mail:read' });
      assert.deepEqual(
        await check(api, mail.tokens.body.access_token),
        none,
        'a scope that it does not serve',
      );
      const other = await server.createClient({ scope: 'openid notes:read' });
      assert.deepEqual(await check(other, token), none, 'not a resource server');
      assert.deepEqual(
        refused().map(({ client_id, parameter }) => [client_id, parameter]),
        [api, api, other].map(({ client_id }) => [client_id, 'token']),
      );
      const { last_refused } = await server.clients.show(other.client_id);
      assert.match((last_refused as { description: string }).description, /no resource server for its scope/);
      assert.ok(!JSON.stringify(lines).includes(String(token)));
      assert.deepEqual(await check(api, 'a-token-that-nobody-issued'), none);
      assert.equal(refused().length, 3, 'an unknown token is no refusal');

      await server.accounts.disable(OPERATOR, 'ada');
      assert.deepEqual(await check(api, token), none, 'the account is disabled');
      const answer = await call(server, api, '/token', { grant_type: 'client_credentials' });
      assert.equal(answer.body.error, 'unauthorized_client', 'it gets no tokens itself');
    });
  });
}

test('a token shows no scope that its account has lost, even if only the table was changed', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ scope: 'openid notes:read mail:read' });
  const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'notes:read' });
  const ada = await server.createAccount('ada', 'openid notes:read mail:read');
  const { tokens } = await signInWith(server, client, ada, { scope: 'openid notes:read mail:read' });
  const token = tokens.body.access_token;
  const check = async (by: typeof client) => (await call(server, by, '/token/introspection', { token })).body;
  assert.equal((await check(api)).scope, 'notes:read');
  const scopes = JSON.stringify(['openid', 'mail:read']);
  await server.database.knex('T_accounts').where({ id: ada.id }).update({ scopes });
  assert.deepEqual(await check(api), { active: false });
  const own = await check(client);
  assert.deepEqual([own.active, own.scope], [true, 'openid mail:read']);
});

test('an application that people sign in to serves no scope of signing in', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const { tokens } = await signInWith(server, client, await server.createAccount());
  const token = tokens.body.access_token;
  const web = await server.createClient({ resourceServer: true, scope: 'openid profile email notes:read' });
  assert.equal((await call(server, web, '/token/introspection', { token })).body.active, false);
  const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'openid' });
  assert.equal((await call(server, api, '/token/introspection', { token })).body.active, true);
});

test('discovery names the scopes that applications have, and no wildcard', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createClient({ scope: 'openid notes:read calendar:*' });
  const disabled = await server.createClient({ scope: 'openid secret:read' });
  await server.clients.disable(OPERATOR, disabled.client_id);
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
    const { scopes_supported } = (await (await fetch(server.issuer + path)).json()) as {
      scopes_supported: string[];
    };
    const own = ['openid', 'offline_access', 'profile', 'email', 'address', 'phone'];
    assert.deepEqual(scopes_supported, [...own, 'notes:read'], path);
  }
});

test('latchkey client create --resource-server needs a scope, and a scope that it serves needs no warning', async (t) => {
  const server = await startServer(t, 'sqlite');
  const run = (...args: string[]) => latchkey(['client', ...args, '--json'], { url: server.storage.url });
  const api = ['create', '--name', 'Notes-API', '--resource-server'];
  assert.match((await run(...api)).stderr, /--scope/);
  assert.match((await run(...api, '--scope', 'notes:read', '--public')).stderr, /secret/);
  const made = await run(...api, '--scope', 'notes:read');
  assert.deepEqual([made.code, made.stderr, JSON.parse(made.stdout).is_resource_server], [0, '', true]);
  const web = ['create', '--name', 'Notes', '--redirect-uri', 'https://notes.example/cb'];
  assert.equal((await run(...web, '--scope', 'openid notes:read')).stderr, '');
  const update = ['update', JSON.parse(made.stdout).client_id, '--no-resource-server'];
  assert.equal(JSON.parse((await run(...update)).stdout).is_resource_server, false);
});
