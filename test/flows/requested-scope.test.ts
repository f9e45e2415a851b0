import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const NO_OPENID = { nonce: undefined };

/** The error parameters of the redirect that answers a request at once, before anyone signs in. */
async function refusalOf(
  server: TestServer,
  client: ClientDocument,
  params: Record<string, string | undefined>,
) {
  const response = await new Browser(server.issuer).get(authorizeUrl(authorization(client, params)));
  const answer = answerOf(response);
  return [answer.get('error'), answer.get('error_description')];
}

test('a request without a scope gets the registered default, or else openid', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount('ada', 'openid profile notes:read');
  const plain = await server.createClient();
  for (const scope of [undefined, '', ' ']) {
    const { tokens } = await signInWith(server, plain, person, { scope });
    assert.deepEqual([tokens.status, tokens.body.scope], [200, 'openid']);
    assert.ok(tokens.body.id_token);
  }
  const own = await server.createClient({
    scope: 'openid profile notes:*',
    defaultScope: 'profile notes:read',
  });
  const { tokens } = await signInWith(server, own, person, { scope: undefined, ...NO_OPENID });
  assert.equal(tokens.body.scope, 'profile notes:read');
});

test('an application that may not have openid gets invalid_scope before anyone signs in', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ scope: 'notes:read' });
  assert.deepEqual(await refusalOf(server, client, { scope: undefined, ...NO_OPENID }), [
    'invalid_scope',
    'add a scope; this application may request: notes:read',
  ]);
});

test('a request that is left with no scope gets invalid_scope before anyone signs in', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ grantTypes: ['authorization_code'] });
  for (const scope of ['groups', 'groups roles', 'offline_access', '*:*'])
    for (const prompt of [undefined, 'none', 'create'])
      assert.deepEqual(await refusalOf(server, client, { scope, prompt, ...NO_OPENID }), [
        'invalid_scope',
        'none of the requested scopes is allowed; this application may request: openid profile email',
      ]);
});

test('scopes that the account may not have leave invalid_scope with a description, and not access_denied', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ scope: 'notes:read' });
  const request = authorization(client, { scope: 'notes:read', ...NO_OPENID });
  const answer = answerOf(await walk(new Browser(server.issuer), request, await server.createAccount()));
  assert.equal(answer.get('error'), 'invalid_scope');
  assert.match(String(answer.get('error_description')), /this account may use none of the requested scopes/);
});

test('additional spaces in scope are forgiven, other characters are not', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({
    grantTypes: ['authorization_code', 'client_credentials'],
    scope: 'openid profile notes:read',
  });
  const person = await server.createAccount();
  const { tokens } = await signInWith(server, client, person, { scope: '  openid   profile ' });
  assert.equal(tokens.body.scope, 'openid profile');
  const fields = { grant_type: 'client_credentials', scope: ' notes:read  ' };
  assert.equal((await call(server, client, '/token', fields)).body.scope, 'notes:read');
  assert.equal((await refusalOf(server, client, { scope: 'openid\tprofile' }))[0], 'invalid_scope');
});

test('every token response has the scope that was given, if it is not the requested one', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ scope: 'openid profile notes:read' });
  const { tokens } = await signInWith(server, client, await server.createAccount('bob', 'profile'), {
    scope: 'openid profile notes:read groups',
  });
  assert.equal(tokens.body.scope, 'openid profile');
  const service = await server.createClient({
    redirectUris: [],
    grantTypes: ['client_credentials'],
    scope: 'notes:read',
  });
  const ask = (scope: string | undefined) =>
    call(server, service, '/token', { grant_type: 'client_credentials', scope });
  assert.equal((await ask('notes:read notes:write')).body.scope, 'notes:read');
  const none = await ask('notes:write');
  assert.deepEqual([none.status, none.body.error], [400, 'invalid_scope'], JSON.stringify(none.body));
  await server.clients.update(OPERATOR, service.client_id, { defaultScope: 'notes:read' });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal((await ask(undefined)).body.scope, 'notes:read');
});

test('a service without users is not given openid profile email, and a scope that nobody serves is named', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const create = (...args: string[]) =>
    latchkey(['client', 'create', '--name', 'Reports', ...args, '--json'], { url });
  const service = await create('--grant-type', 'client_credentials');
  assert.deepEqual([JSON.parse(service.stdout).scope, service.stderr], ['', '']);
  const web = ['--redirect-uri', 'https://reports.example/cb'];
  const plain = await create(...web);
  assert.deepEqual([JSON.parse(plain.stdout).scope, plain.stderr], ['openid profile email', '']);
  const groups = await create(...web, '--scope', 'openid groups');
  assert.equal(groups.code, 0);
  assert.match(groups.stderr, /^Warning: The scope groups gives no claims here\.[^\n]*\n$/);
  const { client_id, warnings } = JSON.parse(groups.stdout);
  assert.equal(warnings.length, 1);
  const updated = await latchkey(['client', 'update', client_id, '--scope', 'openid roles'], { url });
  assert.match(updated.stderr, /The scope roles/);
  const wrong = await create(...web, '--default-scope', 'openid notes:read');
  assert.deepEqual([wrong.code, wrong.stdout], [1, '']);
});
