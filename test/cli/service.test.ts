import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
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

  test('lets people sign in with it, or not', async () => {
    assert.equal((await json(['update', 'google', '--allow-sign-in'])).settings.maySignIn, true);
    assert.equal((await json(['update', 'google', '--scope', 'openid email'])).settings.maySignIn, true);
    assert.equal((await json(['update', 'google', '--no-allow-sign-in'])).settings.maySignIn, false);
    const refused = await run(['add', 'motion', '--allow-sign-in']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Nobody can sign in with an API key/);
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

  test('adds the service that docs/CONNECTIONS.md describes, and one with API keys', async () => {
    const page = readFileSync(projectPath('docs/CONNECTIONS.md'), 'utf8');
    const [, printed = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
    const example = JSON.parse(printed);
    const ferry = await json(['add', 'ferry', '--metadata', describeIn(example), ...google.slice(2)], SECRET);
    assert.deepEqual([ferry.scopes, ferry.settings], [example.scopes, example.settings]);
    const { identity } = example.settings;
    const apiKey = { header: 'X-Ferry-Key', check: { url: identity.url } };
    const keys = {
      auth_type: 'api_key',
      api_base_urls: example.api_base_urls,
      settings: { identity, apiKey },
    };
    const added = await json(['add', 'ferry-keys', '--metadata', describeIn(keys)]);
    assert.deepEqual([added.auth_type, added.settings.apiKey], ['api_key', apiKey]);
  });

  test('is in the report of connections, which has no connection yet', async () => {
    const { url } = shared.server.storage;
    const { stdout } = await latchkey(['connection', 'report', '--json'], { url });
    const none = { connections: [], errors: [], calls: [], handouts: [], syncs: [] };
    assert.deepEqual(JSON.parse(stdout), { active: 0, expiring: 0, in_error: 0, ...none });
    const lines = (await latchkey(['connection', 'report'], { url })).stdout;
    assert.match(
      lines,
      /^0 active, 0 within an hour of expiry\. 0 waiting for their owners to connect again\.$/m,
    );
  });
});
