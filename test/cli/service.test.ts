import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { shareServer } from '../support/shared-server.ts';
import { latchkey } from '../support/warm-command.ts';

const SECRET = 'GOCSPX-canary-3f1b';

/** A file with the description of a service. */
function describeIn(description: object): string {
  const file = join(mkdtempSync(join(tmpdir(), 'service-')), 'service.json');
  writeFileSync(file, JSON.stringify(description));
  return file;
}

describe('latchkey service', () => {
  const shared = shareServer();
  const run = (args: string[], input = '', env: NodeJS.ProcessEnv = {}) =>
    latchkey(['service', ...args], { url: shared.server.storage.url, input, env });
  const json = async (args: string[], input?: string, env?: NodeJS.ProcessEnv) => {
    const { code, stdout, stderr } = await run([...args, '--json'], input, env);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const google = ['add', 'google', '--client-id', 'abc.apps.example', '--client-secret-stdin'];

  before(async () => {
    const { code, stdout, stderr } = await run([...google, '--json'], `${SECRET}\n`);
    assert.equal(code, 0, stderr);
    assert.ok(!stdout.includes(SECRET));
  });

  test('adds google with its endpoints, and offline access that it asks for', async () => {
    const shown = await json(['show', 'google']);
    assert.equal(shown.token_endpoint, 'https://oauth2.googleapis.com/token');
    assert.equal(shown.redirect_uri, 'http://localhost:3000/connections/google/callback');
    assert.equal(shown.has_client_secret, true);
    assert.deepEqual(shown.settings.authorizeParams, {
      access_type: 'offline',
      prompt: 'consent',
      include_granted_scopes: 'true',
    });
    assert.deepEqual(await json(['show', shown.id]), shown, 'the id names it, too');
  });

  test('seals the secret: no row and no event contains it', async () => {
    const { knex } = shared.server.database;
    const [row] = await knex('T_service_configs').where({ service_name: 'google' });
    assert.match(row.client_secret_sealed, /^v1\./);
    const stored = JSON.stringify([row, await knex('T_auth_audit_log')]);
    assert.ok(!stored.includes(SECRET));
    assert.equal((await shared.server.services.connections.services.find('google'))?.clientSecret, SECRET);
  });

  test('adds motion, which needs no client, with its header and limit', async () => {
    const motion = await json(['add', 'motion']);
    assert.deepEqual(
      [motion.auth_type, motion.settings.apiKey.header, motion.settings.rateLimit, motion.redirect_uri],
      ['api_key', 'X-API-Key', { requests: 12, seconds: 60 }, undefined],
    );
    assert.match((await run(['add', 'motion'])).stderr, /There is a service motion already/);
    const list = await json(['list']);
    assert.deepEqual(
      list.map(({ id, name }: { id: string; name: string }) => [typeof id, name]),
      [
        ['string', 'google'],
        ['string', 'motion'],
      ],
    );
    assert.match((await run(['list'])).stdout, /^google {2}Google {2}oauth2 {2}abc/m);
  });

  test('moves every URL to --base-url, which a private address may be only where that is allowed', async () => {
    const args = [...google.with(1, 'near'), '--preset', 'google', '--base-url', 'http://127.0.0.1:4010'];
    const refused = await run(args, SECRET);
    assert.match(refused.stderr, /begins with https:\/\/, unless LATCHKEY_ALLOW_PRIVATE_SERVICES is set/);
    const allowed = { LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true' };
    const near = await json(args, SECRET, allowed);
    assert.deepEqual(
      [near.issuer, near.authorization_endpoint, near.token_endpoint, near.api_base_urls],
      [
        'http://127.0.0.1:4010',
        'http://127.0.0.1:4010/o/oauth2/v2/auth',
        'http://127.0.0.1:4010/token',
        ['http://127.0.0.1:4010/', 'http://127.0.0.1:4010/gmail/', 'http://127.0.0.1:4010/v1/'],
      ],
    );
    const moved = ['update', 'motion', '--base-url', 'https://proxy.example/v1'];
    const motion = await json(moved);
    assert.deepEqual(motion.api_base_urls, ['https://proxy.example/v1/']);
    assert.equal(motion.settings.identity.url, 'https://proxy.example/v1/users/me');
    assert.equal(
      (await json(['update', 'motion', '--base-url', 'https://api.usemotion.com'])).name,
      'motion',
    );
  });

  test('adds a service that a file describes in the names of RFC 8414', async () => {
    const file = describeIn({
      issuer: 'https://git.example',
      authorization_endpoint: 'https://git.example/oauth/authorize',
      token_endpoint: 'https://git.example/oauth/token',
      revocation_endpoint: 'https://git.example/oauth/revoke',
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
      scopes_supported: ['openid', 'email', 'repo'],
      response_types_supported: ['code'],
      api_base_urls: ['https://git.example/api/v4'],
      display_name: 'Git of the harbour',
    });
    const added = await json(['add', 'git', '--metadata', file, ...google.slice(2)], SECRET);
    assert.equal(added.display_name, 'Git of the harbour');
    assert.equal(added.revocation_endpoint, 'https://git.example/oauth/revoke');
    assert.deepEqual(added.scopes, ['openid', 'email']);
    assert.deepEqual(added.api_base_urls, ['https://git.example/api/v4/']);
    assert.equal(added.settings.clientAuth, 'client_secret_post');
    assert.deepEqual([added.settings.identity.from, added.settings.identity.id], ['id_token', 'sub']);
    const { stdout } = await run(['show', 'git', '--json']);
    const again = await json(
      ['add', 'git-too', '--metadata', describeIn(JSON.parse(stdout)), ...google.slice(2)],
      SECRET,
    );
    assert.deepEqual(
      [again.settings, again.scopes],
      [added.settings, added.scopes],
      'show prints what add reads',
    );
  });

  test('changes what the options name, disables and enables, and records that', async () => {
    await json([...google.with(1, 'work'), '--preset', 'google'], SECRET);
    const { settings, ...before } = await json(['show', 'work']);
    const changed = await json(['update', 'work', '--rate-limit', '10/1', '--scope', 'openid email']);
    assert.deepEqual(changed.settings, {
      ...settings,
      rateLimit: { requests: 10, seconds: 1 },
    });
    assert.deepEqual([changed.scopes, changed.client_id], [['openid', 'email'], before.client_id]);
    const back = await json(['update', 'work', '--rate-limit', 'none']);
    assert.deepEqual(back.settings, settings);
    await run(['update', 'work', '--client-secret-stdin'], 'another');
    assert.equal((await json(['disable', 'work'])).is_active, false);
    const { services } = shared.server.services.connections;
    assert.equal(await services.find('work'), undefined);
    assert.equal((await services.findAny('work'))?.clientSecret, 'another');
    assert.equal((await json(['enable', 'work'])).is_active, true);
    const events = await shared.server.database
      .knex('T_auth_audit_log')
      .where({ target: 'work' })
      .orderBy('id')
      .select('action', 'details');
    assert.deepEqual(
      events.map(({ action, details }) => [action, JSON.parse(details)?.changed]),
      [
        ['service.added', undefined],
        ['service.updated', ['scopes', 'settings']],
        ['service.updated', ['settings']],
        ['service.updated', ['client_secret']],
        ['service.disabled', undefined],
        ['service.enabled', undefined],
      ],
    );
  });

  const refusals: [what: string, args: string[], message: RegExp][] = [
    [
      'an unknown service',
      ['add', 'nope'],
      /presets for google, motion, github, microsoft\. .*--metadata FILE/,
    ],
    ['a name with other characters', ['add', 'Nope!', '--preset', 'motion'], /A name has 1 to 64 characters/],
    ['a name that is a word of ours', ['add', 'new', '--preset', 'motion'], /a word of Latchkey itself/],
    [
      'a preset that does not exist',
      ['add', 'x', '--preset', 'constructor'],
      /There is no preset constructor/,
    ],
    ['github without a client', ['add', 'github'], /pass the client id: --client-id/],
    ['a client without a secret', ['add', 'github', '--client-id', 'a'], /--client-secret-stdin/],
    [
      'an empty secret',
      ['add', 'github', '--client-id', 'a', '--client-secret-stdin'],
      /no client secret on standard input/,
    ],
    [
      'a client of a service with keys',
      ['add', 'm', '--preset', 'motion', '--client-id', 'a'],
      /has no client id/,
    ],
    ['a service that does not exist', ['show', 'nope'], /There is no service nope/],
    ['a change of one that does not exist', ['update', 'nope', '--scope', 'a'], /There is no service nope/],
    ['a file that does not exist', ['add', 'x', '--metadata', '/nowhere.json'], /cannot be read: ENOENT/],
    [
      'a rate limit that is no number',
      ['update', 'google', '--rate-limit', 'many'],
      /A rate limit is a number of requests/,
    ],
    [
      'a scope with a quotation mark',
      ['update', 'google', '--scope', 'a"b'],
      /characters that RFC 6749 allows/,
    ],
    [
      'an identity outside of the API',
      ['update', 'motion', '--api-base-url', 'https://other.example'],
      /sent only below/,
    ],
  ];
  for (const [what, args, message] of refusals)
    test(`refuses ${what}, and changes nothing`, async () => {
      const { knex } = shared.server.database;
      const before = await knex('T_service_configs').orderBy('id');
      const { code, stderr } = await run(args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
      assert.deepEqual(await knex('T_service_configs').orderBy('id'), before);
    });

  const files: [what: string, description: unknown, message: RegExp][] = [
    ['is a list', [], /The metadata of a service is one JSON object/],
    ['has a number as its issuer', { issuer: 5 }, /issuer is a text/],
    [
      'has a setting that is unknown',
      { auth_type: 'api_key', settings: { colour: 'red' } },
      /Unrecognized key: "colour"/,
    ],
    ['has a kind that is unknown', { auth_type: 'saml' }, /authenticates requests by oauth2 or api_key/],
    [
      'sends a key in the header Host',
      { auth_type: 'api_key', settings: { apiKey: { header: 'Host' } } },
      /header of an API key/,
    ],
    [
      'sets the state',
      {
        issuer: 'https://a.example',
        authorization_endpoint: 'https://a.example/a',
        token_endpoint: 'https://a.example/t',
        settings: { authorizeParams: { state: 'x' } },
      },
      /sets the parameter state itself/,
    ],
    [
      'reads __proto__',
      { auth_type: 'api_key', settings: { identity: { from: 'api', id: '__proto__' } } },
      /A member of the identity/,
    ],
  ];
  for (const [what, description, message] of files)
    test(`refuses a description that ${what}`, async () => {
      const { code, stderr } = await run(['add', 'other', '--metadata', describeIn(description as object)]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    });
});
