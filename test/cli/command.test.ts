import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { createClients } from '../../src/oidc/clients/service.ts';
import { latchkey as runAlone } from '../support/command.ts';
import { createDatabase, createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { latchkey } from '../support/warm-command.ts';

const PASSWORD = 'a quiet harbour at dawn';
const CALLBACK = 'https://fieldnotes.example/cb';
const OPERATOR = { accountId: null };

test('latchkey client creates, lists, shows, updates, disables and enables, and rotates a secret', async (t) => {
  const { url, drop } = await createDatabase('sqlite');
  t.after(drop);
  const json = async (...args: string[]) =>
    JSON.parse((await latchkey(['client', ...args, '--json'], { url })).stdout);

  const options = ['--redirect-uri', CALLBACK, '--first-party', '--scope', 'openid calendar:*'];
  const made = await json('create', '--name', 'Fieldnotes', ...options);
  assert.equal(made.scope, 'openid calendar:*');
  assert.equal(made.is_first_party, true);
  assert.equal(made.client_secret.length, 43);
  const id = made.client_id;
  assert.equal((await json('list')).length, 1);
  assert.equal((await json('show', id)).client_secret, undefined);
  const updated = await json('update', id, '--name', 'Notes', '--no-require-pkce');
  assert.deepEqual([updated.require_pkce, updated.pkce], [false, 'off']);
  assert.equal((await json('show', id)).client_name, 'Notes');
  assert.equal((await json('disable', id)).is_active, false);
  assert.equal((await json('enable', id)).is_active, true);

  const second = await json('rotate-secret', id);
  assert.notEqual(second.client_secret, made.client_secret);
  await json('rotate-secret', id);
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

test('latchkey account creates, shows, disables, enables and deletes, and refuses a weak password', async (t) => {
  const { url, drop } = await createDatabase('sqlite');
  t.after(drop);
  const names = ['--username', ' Ada ', '--email', 'ADA@harbour.example'];
  const create = ['account', 'create', ...names, '--password-stdin', '--json'];
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
  for (const verb of ['show', 'disable', 'enable'])
    assert.equal((await latchkey(['account', verb, 'ada'], { url })).code, 0);
  const unconfirmed = await latchkey(['account', 'delete', 'ada'], { url });
  assert.equal(unconfirmed.code, 2);
  assert.match(unconfirmed.stderr, /deletes the account ada.*\nNothing was changed.*--yes/);
  assert.equal((await latchkey(['account', 'delete', 'ada', '--yes'], { url })).code, 0);
  assert.equal((await latchkey(['account', 'show', 'ada'], { url })).code, 1);
  const database = openDatabase(url);
  t.after(() => database.close());
  assert.equal((await database.knex('T_credentials')).length, 0);
  const log = await database.knex('T_auth_audit_log');
  assert.equal(log.length, 4);
  assert.ok(log.every((row) => row.account_id === null));
});

for (const engine of engines.filter((one) => one !== 'sqlite'))
  test(`latchkey migrates an empty database, and creates a client and an account, on ${engine}`, async (t) => {
    const { url, drop } = await createDatabase(engine);
    t.after(drop);
    const client = ['client', 'create', '--name', 'Fieldnotes', '--redirect-uri', CALLBACK, '--json'];
    const { client_id } = JSON.parse((await latchkey(client, { url })).stdout);
    const listed = JSON.parse((await latchkey(['client', 'list', '--json'], { url })).stdout);
    assert.deepEqual(
      listed.map((one: { client_id: string }) => one.client_id),
      [client_id],
    );
    const account = ['account', 'create', '--username', 'ada', '--password-stdin'];
    assert.equal((await latchkey(account, { url, input: PASSWORD })).code, 0);
    assert.equal((await latchkey(['account', 'delete', 'ada', '--yes'], { url })).code, 0);
  });

describe('an insecure client', () => {
  const refused: [string, Partial<Record<keyof ClientInput, unknown>>, RegExp][] = [
    ['a fragment', { redirectUris: ['https://a.example/cb#x'] }, /fragment/],
    ['a wildcard', { redirectUris: ['https://*.a.example/cb'] }, /wildcard/],
    ['javascript:', { redirectUris: ['javascript:alert(1)'] }, /scheme/],
    ['JaVaScript:', { redirectUris: ['JaVaScript:alert(1)'] }, /scheme/],
    ['data:', { redirectUris: ['data:text/html,x'] }, /scheme/],
    ['http on another host', { redirectUris: ['http://a.example/cb'] }, /loopback/],
    ['a user name', { redirectUris: ['https://a@b.example/cb'] }, /user name/],
    ['a relative URI', { redirectUris: ['/cb'] }, /absolute/],
    ['white space', { redirectUris: ['https://a.example/c b'] }, /ASCII/],
    ['no redirect URI', {}, /redirect URI/],
    ['an unknown grant type', { redirectUris: [CALLBACK], grantTypes: ['password'] }, /grant/i],
    ['public without PKCE', { redirectUris: [CALLBACK], public: true, pkce: 'off' }, /PKCE/],
    ['public with a nonce alone', { redirectUris: [CALLBACK], public: true, pkce: 'or-nonce' }, /PKCE/],
    [
      'public with client_credentials',
      { redirectUris: [CALLBACK], public: true, grantTypes: ['client_credentials'] },
      /client_credentials/,
    ],
    ['a broken scope', { redirectUris: [CALLBACK], scope: 'a"b' }, /scope/i],
  ];

  test('is refused with a reason, and nothing is stored', async (t) => {
    const { url, drop } = await createMigratedDatabase('sqlite');
    const database = openDatabase(url);
    t.after(() => database.close().then(drop));
    const clients = createClients({
      knex: database.knex,
      issuer: 'https://id.harbour.example',
      secrets: createSecrets(SECRETS),
    });
    for (const [what, input, message] of refused)
      await assert.rejects(
        async () => clients.create(OPERATOR, { name: 'X', ...input } as ClientInput),
        message,
        what,
      );
    assert.deepEqual(await clients.list(), []);
  });

  test('is refused by the command in one line on standard error', async (t) => {
    const { url, drop } = await createMigratedDatabase('sqlite');
    t.after(drop);
    for (const [uri, message] of [
      ['https://a.example/cb#x', /fragment/],
      ['javascript:alert(1)', /scheme/],
    ] as const) {
      const args = ['client', 'create', '--name', 'X', '--redirect-uri', uri];
      const { code, stdout, stderr } = await latchkey(args, { url });
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
    assert.deepEqual(JSON.parse((await latchkey(['client', 'list', '--json'], { url })).stdout), []);
  });
});

test('wrong usage exits with 2; db status, migrate, rollback and doctor report the schema', async (t) => {
  const { url, drop } = await createDatabase('sqlite');
  t.after(drop);
  assert.equal((await runAlone(['client', 'creat'], { url })).code, 2);
  assert.equal((await latchkey(['client', 'create'], { url })).code, 2);
  const json = async (...args: string[]) => JSON.parse((await latchkey([...args, '--json'], { url })).stdout);
  assert.equal((await json('db', 'status')).current, false);
  const doctor = await latchkey(['doctor'], { url });
  assert.equal(doctor.code, 1);
  assert.match(
    doctor.stdout,
    /pending\. Run: npx latchkey db migrate\. In development, starting the server also migrates\.\n/,
  );
  assert.ok((await json('db', 'migrate')).applied.length > 0);
  assert.equal((await json('db', 'status')).current, true);
  assert.ok((await json('doctor')).every((finding: { ok: boolean }) => finding.ok));
  assert.equal((await json('db', 'rollback', '--yes')).undone.length, 1);
});

test('a database that cannot be reached is one line on standard error, and nothing on standard output', async () => {
  for (const url of ['postgres://latchkey@127.0.0.1:1/latchkey', 'mysql://latchkey@127.0.0.1:1/latchkey']) {
    const { code, stdout, stderr } = await runAlone(['client', 'list', '--json'], { url });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]+\n$/);
  }
});

test('an error repeats what was typed without its control characters', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const typed = 'a\u001b[31mb\u009b2Jc\u0007d\re';
  const commands = [
    ['client', 'show', typed],
    ['client', typed],
    ['client', 'list', `--${typed}`],
    ['account', 'show', typed],
    ['resource', 'show', typed],
    ['account', 'delete', typed],
    ['db', 'purge', '--table', typed],
  ];
  for (const args of commands) {
    const { code, stderr } = await latchkey(args, { url });
    assert.notEqual(code, 0, args.join(' '));
    assert.match(stderr, /a \[31mb 2Jc d e/i, args.join(' '));
    assert.doesNotMatch(stderr, /[^\P{Cc}\n]/u, args.join(' '));
  }
});
