import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { PASSWORD, startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());

test('an administrator may vouch for an e-mail address, and learns that others are refused without it', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const run = (...args: string[]) => latchkey(['account', ...args, '--json'], { url, input: PASSWORD });
  const plain = await run(
    'create',
    '--username',
    'ada',
    '--email',
    'ada@harbour.example',
    '--password-stdin',
  );
  assert.equal(JSON.parse(plain.stdout).email_verified, false);
  assert.match(plain.stderr, /oauth2-proxy, django-allauth .*--email-verified.*\/account\/email/);
  const bob = ['create', '--username', 'bob', '--password-stdin', '--email-verified'];
  assert.match((await run(...bob)).stderr, /Only an e-mail address can be confirmed/);
  const vouched = await run(
    ...bob,
    '--email',
    'bob@harbour.example',
    '--given-name',
    'Bob',
    '--locale',
    'pt-BR',
  );
  assert.equal(vouched.stderr, '');
  const { email_verified, given_name, family_name, locale } = JSON.parse(vouched.stdout);
  assert.deepEqual([email_verified, given_name, family_name, locale], [true, 'Bob', null, 'pt-BR']);
  const updated = await run('update', 'ada', '--email-verified', '--name', 'Ada');
  assert.deepEqual([JSON.parse(updated.stdout).email_verified, updated.stderr], [true, '']);
  assert.equal((await run('update', 'ada')).code, 1);
  assert.match((await run('update', 'ada', '--locale', 'not a tag')).stderr, /locale/);
});

for (const engine of engines) {
  describe(`account update on ${engine}`, () => {
    test('changes username, name and address, and the person signs in with the new username', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount('ada');
      await server.createAccount('bob');
      const { accounts } = server;
      const updated = await accounts.update(OPERATOR, 'ada', {
        username: 'Ada.L',
        name: 'Ada Lovelace',
        givenName: 'Ada',
        familyName: 'Lovelace',
        locale: 'en-GB',
        email: 'ada@analytical.example',
      });
      assert.deepEqual(
        [updated.username, updated.email, updated.email_verified],
        ['ada.l', 'ada@analytical.example', false],
      );
      const { tokens } = await signInWith(server, client, { username: 'ada.l', password: ada.password });
      const { sub, name, given_name, family_name, locale, email } = claimsOf(tokens.body.id_token);
      assert.deepEqual(
        [sub, name, given_name, family_name, locale, email],
        [ada.id, 'Ada Lovelace', 'Ada', 'Lovelace', 'en-GB', 'ada@analytical.example'],
      );
      await assert.rejects(signInWith(server, client, ada));
      for (const taken of [{ username: 'bob' }, { email: 'bob@harbour.example' }])
        await assert.rejects(accounts.update(OPERATOR, 'ada.l', taken), { kind: 'conflict' });
      assert.equal((await accounts.update(OPERATOR, 'ada.l', { email: '', name: '' })).email, null);
      const row = await server.database
        .knex('T_auth_audit_log')
        .where({ action: 'account.updated' })
        .orderBy('id')
        .first();
      assert.ok(JSON.parse(row.details).changed.includes('username'));
    });

    test('ends links that were mailed to the earlier address, and tokens beyond a smaller ceiling', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient({ scope: 'openid notes:read' });
      const ada = await server.createAccount('ada', 'notes:read');
      const { tokens } = await signInWith(server, client, ada, { scope: 'openid notes:read' });
      const active = async () =>
        (await call(server, client, '/token/introspection', { token: tokens.body.access_token })).body.active;
      await server.recovery.requestEmailChange(ada.id, 'other@harbour.example');
      await server.accounts.update(OPERATOR, 'ada', { name: 'Ada' });
      assert.equal(await active(), true);
      assert.equal((await knex('T_account_links').whereNull('consumed_at')).length, 1);
      await server.accounts.update(OPERATOR, 'ada', { email: 'third@harbour.example', scope: 'openid' });
      assert.equal(await active(), false);
      assert.equal((await knex('T_account_links').whereNull('consumed_at')).length, 0);
    });
  });
}

test('roles are in the claim groups, too, or in the one that LATCHKEY_GROUPS_CLAIM names', async (t) => {
  for (const groupsClaim of ['groups', 'urn:team']) {
    const server = await startServer(t, 'sqlite', { config: { groupsClaim } });
    const client = await server.createClient();
    const ada = await server.createAccount();
    await server.accounts.roles.grant(OPERATOR, { username: 'ada', role: 'editor' });
    const { tokens } = await signInWith(server, client, ada);
    const claims = claimsOf(tokens.body.id_token);
    assert.deepEqual([claims.roles, claims[groupsClaim]], [['editor'], ['editor']]);
    const userinfo = await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens.body.access_token}` },
    });
    assert.deepEqual(((await userinfo.json()) as Record<string, unknown>)[groupsClaim], ['editor']);
    const discovery = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const { claims_supported } = (await discovery.json()) as { claims_supported: string[] };
    for (const name of [groupsClaim, 'given_name', 'family_name', 'locale'])
      assert.ok(claims_supported.includes(name));
  }
});

test('/account/email offers to confirm the address that the account already has', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const { browser, page } = await visit(server, ada, '/account/email');
  const html = await page.clone().text();
  assert.match(html, /value="ada@harbour\.example"/);
  assert.match(await textOf(page), /ada@harbour\.example is not confirmed/);
  await server.accounts.update(OPERATOR, 'ada', { emailVerified: true });
  assert.doesNotMatch(await (await browser.get('/account/email')).text(), /value="ada@harbour\.example"/);
});
