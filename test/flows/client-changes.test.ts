import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, call, signInWith } from '../support/builders/authorization.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const CACHE_MS = 1000;
const wait = () => new Promise((resolve) => setTimeout(resolve, CACHE_MS));

for (const engine of engines) {
  describe(`client update on ${engine}`, () => {
    test('changes the kind of an application: a public one has no secret, a confidential one gets a new one', async (t) => {
      const server = await startServer(t, engine);
      const person = await server.createAccount();
      const client = await server.createClient({ grantTypes: ['authorization_code'] });
      const isPublic = await server.clients.update(OPERATOR, client.client_id, { public: true });
      assert.deepEqual(
        [isPublic.token_endpoint_auth_method, isPublic.pkce, isPublic.client_secret],
        ['none', 'always', undefined],
      );
      await wait();
      assert.equal((await call(server, client, '/token', { grant_type: 'refresh_token' })).status, 401);
      assert.equal((await signInWith(server, isPublic, person)).tokens.status, 200);
      const again = await server.clients.update(OPERATOR, client.client_id, { public: false });
      assert.deepEqual([again.token_endpoint_auth_method, again.pkce], ['client_secret_basic', 'or-nonce']);
      assert.equal(again.client_secret?.length, 43);
      await wait();
      assert.equal((await signInWith(server, again, person)).tokens.status, 200);
      assert.equal(
        (await call(server, client, '/token', { grant_type: 'refresh_token' })).status,
        401,
        'the old secret',
      );
      const same = await server.clients.update(OPERATOR, client.client_id, { public: false });
      assert.equal(same.client_secret, undefined);
    });

    test('changes grant types, within the same rules as at registration', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const update = (changes: object) => server.clients.update(OPERATOR, client.client_id, changes);
      await update({ grantTypes: ['authorization_code', 'client_credentials'] });
      await wait();
      assert.equal((await call(server, client, '/token', { grant_type: 'client_credentials' })).status, 200);
      await assert.rejects(update({ grantTypes: ['refresh_token'] }), /authorization_code/);
      await assert.rejects(update({ public: true }), /client_credentials/);
      await assert.rejects(update({ grantTypes: ['password'] }), /grant type/);
    });

    test('a chosen client_id works, and is taken once', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ clientId: 'my-app' });
      assert.equal(client.client_id, 'my-app');
      assert.equal((await signInWith(server, client, await server.createAccount())).tokens.status, 200);
      await assert.rejects(server.createClient({ clientId: 'my-app' }), { kind: 'conflict' });
      for (const clientId of ['', 'latchkey', 'a b', 'a:b', 'https://a.example/', 'ä', 'x'.repeat(256)])
        await assert.rejects(
          async () => server.createClient({ clientId }),
          { kind: 'invalid_input' },
          clientId,
        );
    });
  });
}

test('latchkey scope describe sets what the consent page says', async (t) => {
  const server = await startServer(t, 'sqlite');
  const run = (...args: string[]) => latchkey([...args, '--json'], { url: server.storage.url });
  const client = await server.createClient({ scope: 'openid notes:read notes:write' });
  const described = await run('scope', 'describe', 'notes:read', 'Read <b>your</b> notes');
  assert.deepEqual(JSON.parse(described.stdout), {
    scope: 'notes:read',
    description: 'Read <b>your</b> notes',
  });
  assert.equal(JSON.parse((await run('scope', 'list')).stdout).length, 1);
  const person = await server.createAccount('ada', 'openid notes:*');
  const browser = new Browser(server.issuer);
  const request = authorization(client, { scope: 'openid notes:read notes:write' });
  const { action, fields } = await formOf(await browser.follow(await browser.get(authorizeUrl(request))));
  const { username, password } = person;
  const page = await browser.follow(await browser.post(action, { ...fields, username, password }));
  const text = await textOf(page);
  assert.match(text, /Read &lt;b&gt;your&lt;\/b&gt; notes/);
  assert.match(text, /Add and change your notes/);
  for (const scope of ['openid', 'email', 'latchkey:audit', 'notes:*', 'a"b'])
    assert.equal((await run('scope', 'describe', scope, 'x')).code, 1, scope);
  await run('scope', 'describe', 'notes:read', '');
  assert.deepEqual(JSON.parse((await run('scope', 'list')).stdout), []);
});

test('latchkey client takes --client-id, --public, --confidential and --grant-type', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const run = (...args: string[]) => latchkey(['client', ...args, '--json'], { url });
  const options = ['--name', 'X', '--client-id', 'x', '--redirect-uri', 'https://x.example/cb'];
  assert.equal(JSON.parse((await run('create', ...options)).stdout).client_id, 'x');
  assert.equal((await run('create', ...options)).code, 1);
  const changed = await run('update', 'x', '--public', '--grant-type', 'authorization_code');
  const { token_endpoint_auth_method, grant_types } = JSON.parse(changed.stdout);
  assert.deepEqual([token_endpoint_auth_method, grant_types], ['none', ['authorization_code']]);
  assert.equal(JSON.parse((await run('update', 'x', '--confidential')).stdout).client_secret.length, 43);
  assert.equal((await run('update', 'x', '--confidential', '--public')).code, 1);
});
