import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { latchkey } from '../support/command.ts';
import { createDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';

const PASSWORD = 'a quiet harbour at dawn';
const CB = ['--redirect-uri', 'https://fieldnotes.example/cb'];

for (const engine of engines) {
  describe(`the command on ${engine}`, () => {
    test('creates, lists, shows, changes, disables, enables applications, and rotates a secret', async (t) => {
      const { url, drop } = await createDatabase(engine);
      t.after(drop);
      const run = (...args: string[]) => latchkey(args, { url });
      const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

      const made = await json(
        'client',
        'create',
        '--name',
        'Fieldnotes',
        ...CB,
        '--first-party',
        '--scope',
        'openid calendar:*',
      );
      assert.equal(made.scope, 'openid calendar:*');
      assert.equal(made.is_first_party, true);
      assert.equal(made.client_secret.length, 43);
      const id = made.client_id;
      assert.equal((await json('client', 'list')).length, 1);
      assert.equal((await json('client', 'show', id)).client_secret, undefined);
      assert.equal(
        (await json('client', 'update', id, '--name', 'Notes', '--no-require-pkce')).require_pkce,
        false,
      );
      assert.equal((await json('client', 'show', id)).client_name, 'Notes');
      assert.equal((await json('client', 'disable', id)).is_active, false);
      assert.equal((await json('client', 'enable', id)).is_active, true);

      const second = await json('client', 'rotate-secret', id);
      assert.notEqual(second.client_secret, made.client_secret);
      await json('client', 'rotate-secret', id);
      const database = openDatabase(url);
      t.after(() => database.close());
      const secrets = await database.knex('T_oauth_client_secrets').orderBy('id');
      assert.deepEqual(
        secrets.map((row) => Boolean(row.is_active)),
        [false, true, true],
      );
      assert.ok(secrets.every((row) => row.secret_hash !== made.client_secret));
      const actions = (await database.knex('T_auth_audit_log').orderBy('id')).map((row) => row.action);
      assert.deepEqual(actions, [
        'client.created',
        'client.updated',
        'client.disabled',
        'client.enabled',
        'client.secret_rotated',
        'client.secret_rotated',
      ]);
    });

    test('creates, lists, shows, disables, enables and deletes accounts', async (t) => {
      const { url, drop } = await createDatabase(engine);
      t.after(drop);
      const create = [
        'account',
        'create',
        '--username',
        ' Ada ',
        '--email',
        'ADA@harbour.example',
        '--password-stdin',
        '--json',
      ];
      const weak = await latchkey(create, { url, input: 'passwordpassword' });
      assert.deepEqual([weak.code, weak.stdout], [1, '']);
      assert.match(weak.stderr, /easy to guess/);
      const made = await latchkey(create, { url, input: `${PASSWORD}\n` });
      const account = JSON.parse(made.stdout);
      assert.deepEqual(
        [account.username, account.email, account.scopes],
        ['ada', 'ada@harbour.example', ['openid', 'profile', 'email']],
      );

      const twice = await latchkey(create, { url, input: PASSWORD });
      assert.deepEqual([twice.code, twice.stdout], [1, '']);
      assert.match(twice.stderr, /taken/);
      for (const verb of ['show', 'disable', 'enable', 'delete']) {
        assert.equal((await latchkey(['account', verb, 'ada'], { url })).code, 0);
      }
      assert.equal((await latchkey(['account', 'show', 'ada'], { url })).code, 1);
      const database = openDatabase(url);
      t.after(() => database.close());
      assert.equal((await database.knex('T_credentials')).length, 0);
      const log = await database.knex('T_auth_audit_log');
      assert.equal(log.length, 4);
      assert.ok(log.every((row) => row.account_id === null));
    });
  });
}

describe('the command', () => {
  const refused: [string, string[], RegExp][] = [
    ['a fragment', ['--redirect-uri', 'https://a.example/cb#x'], /fragment/],
    ['a wildcard', ['--redirect-uri', 'https://*.a.example/cb'], /wildcard/],
    ['javascript:', ['--redirect-uri', 'javascript:alert(1)'], /scheme/],
    ['JaVaScript:', ['--redirect-uri', 'JaVaScript:alert(1)'], /scheme/],
    ['data:', ['--redirect-uri', 'data:text/html,x'], /scheme/],
    ['http elsewhere', ['--redirect-uri', 'http://a.example/cb'], /loopback/],
    ['a user name', ['--redirect-uri', 'https://a@b.example/cb'], /user name/],
    ['a relative URI', ['--redirect-uri', '/cb'], /absolute/],
    ['white space', ['--redirect-uri', 'https://a.example/c b'], /ASCII/],
    ['no redirect URI', [], /redirect URI/],
    ['an unknown grant type', [...CB, '--grant-type', 'password'], /grant/i],
    ['public without PKCE', [...CB, '--public', '--no-require-pkce'], /PKCE/],
    [
      'public with client_credentials',
      [...CB, '--public', '--grant-type', 'client_credentials'],
      /client_credentials/,
    ],
    ['a broken scope', [...CB, '--scope', 'a"b'], /scope/i],
  ];
  test('refuses a careless application at the door, in one line, and stores nothing', async (t) => {
    const { url, drop } = await createDatabase('sqlite');
    t.after(drop);
    for (const [what, args, says] of refused) {
      const { code, stdout, stderr } = await latchkey(['client', 'create', '--name', 'X', ...args], { url });
      assert.deepEqual([what, code, stdout], [what, 1, '']);
      assert.match(stderr, says, what);
      assert.equal(stderr.trim().split('\n').length, 1, what);
    }
    assert.deepEqual(JSON.parse((await latchkey(['client', 'list', '--json'], { url })).stdout), []);
  });

  test('says 2 for wrong usage, and db and doctor what they saw', async (t) => {
    const { url, drop } = await createDatabase('sqlite');
    t.after(drop);
    assert.equal((await latchkey(['client', 'creat'], { url })).code, 2);
    assert.equal((await latchkey(['client', 'create'], { url })).code, 2);
    const json = async (...args: string[]) =>
      JSON.parse((await latchkey([...args, '--json'], { url })).stdout);
    assert.equal((await json('db', 'status')).current, false);
    assert.equal((await latchkey(['doctor'], { url })).code, 1);
    assert.ok((await json('db', 'migrate')).applied.length > 0);
    assert.equal((await json('db', 'status')).current, true);
    assert.ok((await json('doctor')).every((finding: { ok: boolean }) => finding.ok));
    assert.ok((await json('db', 'rollback')).undone.length > 0);
  });
});
