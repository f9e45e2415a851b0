import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, redeem, walk } from '../support/builders/authorization.ts';
import { createDatabase, createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const WITHOUT_PKCE = { code_challenge: undefined, code_challenge_method: undefined };
const CALLBACK = 'https://fieldnotes.example/cb';

async function refusalOf(
  server: TestServer,
  client: ClientDocument,
  overrides: Record<string, string | undefined>,
) {
  const request = authorization(client, { ...WITHOUT_PKCE, ...overrides });
  const answer = answerOf(await new Browser(server.issuer).get(authorizeUrl(request)));
  return [answer.get('error'), String(answer.get('error_description'))] as const;
}

test('an application with a secret may protect its code by a nonce instead of PKCE', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  assert.equal(client.pkce, 'or-nonce');
  const request = authorization(client, WITHOUT_PKCE);
  const answer = answerOf(await walk(new Browser(server.issuer), request, await server.createAccount()));
  const tokens = await redeem(server, client, request, answer.get('code'), { code_verifier: undefined });
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
});

test('with neither PKCE nor a nonce, the answer says which of the two to add', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  for (const nonce of [undefined, '']) {
    const [error, description] = await refusalOf(server, client, { nonce });
    assert.equal(error, 'invalid_request');
    assert.match(description, /code_challenge.*S256.*PKCE.* or a nonce/);
  }
});

test('a nonce without the scope openid is no protection, since there is no ID token', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const [error, description] = await refusalOf(server, client, { scope: 'profile' });
  assert.equal(error, 'invalid_request');
  assert.match(description, /code_challenge|openid/);
});

test('nor is it for an application that may not request openid', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ scope: 'notes:read' });
  const [error, description] = await refusalOf(server, client, { scope: 'openid notes:read' });
  assert.equal(error, 'invalid_request');
  assert.match(description, /code_challenge/);
  await server.clients.update({ accountId: null }, client.client_id, { scope: 'openid notes:read' });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const request = authorization(client, { ...WITHOUT_PKCE, scope: 'openid notes:read' });
  const response = await new Browser(server.issuer).get(authorizeUrl(request));
  assert.match(String(response.headers.get('location')), /^\/interaction\//);
});

test('public applications and those at --pkce always need PKCE even with a nonce', async (t) => {
  const server = await startServer(t, 'sqlite');
  const isPublic = await server.createClient({ public: true });
  assert.equal(isPublic.pkce, 'always');
  for (const client of [isPublic, await server.createClient({ pkce: 'always' })]) {
    const [error, description] = await refusalOf(server, client, {});
    assert.equal(error, 'invalid_request');
    assert.match(description, /code_challenge/);
    assert.doesNotMatch(description, /nonce/);
  }
  // Even if an administrator wrote another level into the table.
  await server.database
    .knex('T_oauth_clients')
    .where({ client_id: isPublic.client_id })
    .update({ pkce: 'off' });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal((await refusalOf(server, isPublic, {}))[0], 'invalid_request');
});

test('an application at --pkce off gets a code with neither', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ pkce: 'off' });
  const request = authorization(client, { ...WITHOUT_PKCE, nonce: undefined });
  const response = await new Browser(server.issuer).get(authorizeUrl(request));
  assert.match(String(response.headers.get('location')), /^\/interaction\//);
});

test('latchkey client sets the level, and doctor names the applications that are off', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const run = (...args: string[]) => latchkey([...args, '--json'], { url });
  const json = async (...args: string[]) => JSON.parse((await run(...args)).stdout);
  const pkce = async () => (await json('doctor')).find(({ check }: { check: string }) => check === 'pkce');
  const create = ['client', 'create', '--name', 'Fieldnotes', '--redirect-uri', CALLBACK];
  const { client_id: id, pkce: level } = await json(...create);
  assert.equal(level, 'or-nonce');
  assert.deepEqual(await pkce(), { check: 'pkce', ok: true, says: 'on for every application' });
  for (const [options, expected] of [
    [['--pkce', 'always'], 'always'],
    [['--no-require-pkce', '--name', 'Notes'], 'off'],
    [['--first-party'], 'off'],
  ] as const)
    assert.equal((await json('client', 'update', id, ...options)).pkce, expected, options.join(' '));
  assert.ok((await pkce()).says.includes(`off for Notes (${id})`));
  assert.equal((await json(...create, '--public')).pkce, 'always');
  for (const options of [
    ['--pkce', 'sometimes'],
    ['--pkce', 'always', '--no-require-pkce'],
    ['--public', '--no-require-pkce'],
  ]) {
    const { code, stderr } = await run(...create, ...options);
    assert.equal(code, 1, options.join(' '));
    assert.match(stderr, /pkce|PKCE/);
  }
});

for (const engine of engines) {
  describe(`PKCE levels on ${engine}`, () => {
    test('come from require_pkce for applications that were registered before', async (t) => {
      const { url, drop } = await createDatabase(engine);
      const database = openDatabase(url);
      t.after(() => database.close().then(drop));
      await migrateLatest(database, url);
      const { knex } = database;
      const row = (id: string, client_type: string, require_pkce: boolean) => ({
        id,
        created_at: new Date(),
        client_id: id,
        client_name: id,
        client_type,
        redirect_uris: '[]',
        allowed_scopes: '[]',
        require_pkce,
        is_first_party: false,
        is_active: true,
        registered_via: 'admin',
        metadata: '{}',
      });
      const { up } = await import('../../migrations/0016_pkce_levels.ts');
      await knex.raw('ALTER TABLE T_oauth_clients DROP COLUMN pkce');
      await knex('T_oauth_clients').insert([
        row('a', 'confidential', true),
        row('b', 'confidential', false),
        row('c', 'public', true),
      ]);
      await up(knex);
      assert.deepEqual(await knex('T_oauth_clients').orderBy('id').pluck('pkce'), [
        'or-nonce',
        'off',
        'always',
      ]);
    });
  });
}
