import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ResourceInput } from '../../src/oidc/resources/input.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const NOTES = 'https://notes.example/api';
const MAIL = 'https://mail.example/api';
const CALENDAR = 'https://calendar.example/api';
const OFFLINE = 'openid offline_access notes:read mail:read';

const register = (
  server: TestServer,
  identifier: string,
  scope: string,
  input: Partial<ResourceInput> = {},
) => server.services.resources.create(OPERATOR, { identifier, scope, ...input });

const payloadOf = (token = '') =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

async function begin(t: Parameters<typeof startServer>[0], engine: Parameters<typeof startServer>[1]) {
  const server = await startServer(t, engine);
  await register(server, NOTES, 'notes:read notes:write', { format: 'jwt' });
  await register(server, MAIL, 'mail:read notes:read');
  await register(server, CALENDAR, 'calendar:read');
  const client = await server.createClient({
    scope: 'openid notes:read mail:read',
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  });
  const ada = await server.createAccount('ada', 'openid profile notes:* mail:* calendar:*');
  return { server, client, ada };
}

for (const engine of engines) {
  describe(`a request for a resource on ${engine}`, () => {
    test('is refused in the same words for an unknown, a disabled, another and a malformed one', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const disabled = 'https://old.example/api';
      await register(server, disabled, 'notes:read');
      await server.services.resources.disable(OPERATOR, disabled);
      const said = new Set<unknown>();
      for (const resource of [
        'https://unknown.example',
        disabled,
        CALENDAR,
        `${NOTES}/`,
        NOTES.toUpperCase(),
      ]) {
        const request = authorization(client, { scope: 'openid notes:read calendar:read', resource });
        const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
        assert.deepEqual([answer.get('error'), answer.has('code')], ['invalid_target', false], resource);
        const fields = { grant_type: 'client_credentials', scope: 'notes:read', resource };
        const { status, body } = await call(server, client, '/token', fields);
        assert.deepEqual([status, body.error], [400, 'invalid_target'], resource);
        said.add(answer.get('error_description')).add(body.error_description);
      }
      assert.equal(said.size, 1, [...said].join());
      for (const resource of [
        'notes',
        `${NOTES}#x`,
        'https://x.example/\0',
        `https://x/${'y'.repeat(300)}`,
      ]) {
        const fields = { grant_type: 'client_credentials', scope: 'notes:read', resource };
        assert.equal((await call(server, client, '/token', fields)).body.error, 'invalid_target', resource);
      }
    });

    test('carries no scope that the resource, the application or the account does not have', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const scope = 'openid notes:read notes:write mail:read';
      const { tokens } = await signInWith(server, client, ada, { scope, resource: NOTES });
      assert.equal(payloadOf(tokens.body.access_token).scope, 'notes:read');
      const mei = await server.createAccount('mei', 'openid mail:read');
      const mail = await signInWith(server, client, mei, { scope, resource: MAIL });
      assert.equal(mail.tokens.body.scope, 'mail:read');
      const request = authorization(client, { scope, resource: NOTES });
      const answer = answerOf(await walk(new Browser(server.issuer), request, mei));
      assert.deepEqual([answer.get('error'), answer.has('code')], ['invalid_target', false]);
    });

    test('names one of two at the token endpoint, and gets its scopes only', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const attempt = async (overrides: Record<string, string>, decision = 'allow') => {
        const request = { ...authorization(client, { scope: OFFLINE }), resources: [NOTES, MAIL] };
        const answer = answerOf(await walk(new Browser(server.issuer), request, ada, decision));
        return redeem(server, client, request, answer.get('code'), overrides);
      };
      assert.equal((await attempt({})).body.error, 'invalid_target', 'none');
      assert.equal((await attempt({ resource: CALENDAR })).body.error, 'invalid_target', 'another');
      const request = { ...authorization(client, { scope: OFFLINE }), resources: [NOTES, MAIL] };
      const code = answerOf(await walk(new Browser(server.issuer), request, ada)).get('code');
      for (const resource of [undefined, CALENDAR, 'https://unknown.example'])
        assert.equal(
          (await redeem(server, client, request, code, { resource })).body.error,
          'invalid_target',
          'a wrong resource does not use the code up',
        );
      const notes = await redeem(server, client, request, code, { resource: NOTES });
      assert.deepEqual([notes.body.scope, payloadOf(notes.body.access_token).aud], ['notes:read', NOTES]);
      assert.equal((await refresh(server, client, notes.body.refresh_token)).body.error, 'invalid_target');
      const mail = await refresh(server, client, notes.body.refresh_token, { resource: MAIL });
      assert.equal(mail.body.scope, 'notes:read mail:read');
      const less = await refresh(server, client, mail.body.refresh_token, {
        resource: MAIL,
        scope: 'mail:read',
      });
      assert.equal(less.body.scope, 'mail:read');
    });

    test('cannot be widened at refresh, and a refused one does not use the refresh token up', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const { tokens } = await signInWith(server, client, ada, { scope: OFFLINE, resource: NOTES });
      const widened = (overrides: Record<string, string>) =>
        refresh(server, client, tokens.body.refresh_token, overrides);
      assert.equal((await widened({ resource: MAIL })).body.error, 'invalid_target');
      assert.equal((await widened({ resource: 'https://unknown.example' })).body.error, 'invalid_target');
      assert.equal((await widened({ scope: 'notes:read notes:write' })).body.error, 'invalid_scope');
      const { knex } = server.database;
      assert.deepEqual(await knex('T_refresh_tokens').pluck('consumed_at'), [null]);
      const plain = await signInWith(server, client, ada, { scope: OFFLINE });
      const later = await refresh(server, client, plain.tokens.body.refresh_token, { resource: NOTES });
      assert.equal(later.body.error, 'invalid_target', 'the sign-in was for no resource');
      await server.accounts.update(OPERATOR, 'ada', { scope: 'openid mail:read' });
      const lost = await widened({});
      assert.deepEqual([lost.status, lost.body.access_token], [400, undefined], 'the ceiling was lowered');
    });

    test('of a service names one resource, and its token says so', async (t) => {
      const { server, client } = await begin(t, engine);
      const ask = (fields: Record<string, string>) =>
        call(server, client, '/token', { grant_type: 'client_credentials', ...fields });
      const { body } = await ask({ scope: 'notes:read mail:read', resource: NOTES });
      const { sub, client_id, scope, aud, auth_time } = payloadOf(body.access_token);
      const id = client.client_id;
      assert.deepEqual([sub, client_id, scope, aud, auth_time], [id, id, 'notes:read', NOTES, undefined]);
      assert.equal(body.scope, 'notes:read');
      const other = await ask({ scope: 'mail:read', resource: NOTES });
      assert.deepEqual([other.status, other.body.error], [400, 'invalid_scope'], 'it serves none of these');
      assert.match(String((await ask({ scope: 'notes:read' })).body.access_token), /^[\w-]{43,60}$/);
      const two = new URLSearchParams([
        ['grant_type', 'client_credentials'],
        ['resource', NOTES],
        ['resource', MAIL],
      ]);
      const authorizationHeader = `Basic ${Buffer.from(`${id}:${client.client_secret}`).toString('base64')}`;
      const response = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        body: two,
        headers: { authorization: authorizationHeader },
      });
      assert.equal(((await response.json()) as { error: string }).error, 'invalid_target');
    });
  });
}

test('a resource cannot serve our own scopes or wildcards, nor be this server, nor have long-lived JWTs', async (t) => {
  const server = await startServer(t, 'sqlite');
  const refused = (identifier: string, scope: string, input: Partial<ResourceInput>, rule: RegExp) =>
    assert.rejects(register(server, identifier, scope, input), rule, `${identifier} ${scope}`);
  for (const scope of ['openid', 'a profile', 'latchkey:clients', '*:*', 'notes:*', '', 'a"b'])
    await refused(NOTES, scope, {}, /scope|Latchkey/);
  for (const identifier of ['notes', `${NOTES}#a`, 'https://a b.example', `https://x/${'y'.repeat(250)}`])
    await refused(identifier, 'a', {}, /absolute URI/);
  await refused(server.issuer, 'a', {}, /Latchkey itself/);
  await refused(NOTES, 'a', { format: 'jwt', ttl: 3601 }, /at most 3600 seconds/);
  await refused(NOTES, 'a', { ttl: 5 }, /30 to 86400/);
  const client = await server.createClient();
  await refused(NOTES, 'a', { clientId: client.client_id }, /--resource-server/);
  await register(server, NOTES, 'a', { ttl: 7200 });
  await refused(NOTES, 'a', {}, /already/);
  await assert.rejects(server.services.resources.update(OPERATOR, NOTES, { format: 'jwt' }), /3600/);
});

test('latchkey resource creates, lists, shows, changes, disables and enables', async (t) => {
  const server = await startServer(t, 'sqlite');
  const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'a' });
  const run = async (...args: string[]) => {
    const { stdout, stderr, code } = await latchkey(['resource', ...args, '--json'], {
      url: server.storage.url,
    });
    return code === 0 ? JSON.parse(stdout) : stderr;
  };
  const made = await run(
    'create',
    '--identifier',
    NOTES,
    '--scope',
    'notes:read notes:write',
    '--format',
    'jwt',
  );
  const expected = {
    identifier: NOTES,
    name: NOTES,
    scope: 'notes:read notes:write',
    token_format: 'jwt',
    signing_alg: 'RS256',
    is_active: true,
  };
  assert.deepEqual(made, expected);
  assert.deepEqual(await run('list'), [expected]);
  const options = ['--format', 'opaque', '--ttl', '60', '--name', 'Notes', '--client', api.client_id];
  const changed = { ...expected, token_format: 'opaque', access_token_ttl: 60, name: 'Notes' };
  const { signing_alg: _, ...opaque } = { ...changed, client_id: api.client_id };
  assert.deepEqual(await run('update', NOTES, ...options), opaque);
  const { client_id: __, access_token_ttl: ___, ...rest } = opaque;
  assert.deepEqual(await run('update', NOTES, '--client', 'none', '--ttl', 'default'), rest);
  assert.equal((await run('disable', NOTES)).is_active, false);
  assert.equal((await run('show', NOTES)).is_active, false);
  assert.equal((await run('enable', NOTES)).is_active, true);
  assert.match(await run('show', MAIL), /There is no resource/);
  const { knex } = server.database;
  const actions = await knex('T_auth_audit_log').where('target', NOTES).orderBy('id').pluck('action');
  assert.deepEqual(actions, [
    'resource.created',
    'resource.updated',
    'resource.updated',
    'resource.disabled',
    'resource.enabled',
  ]);
});
