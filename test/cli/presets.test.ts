import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { createPresets, readPreset } from '../../src/oidc/presets/library.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('latchkey client create --preset', () => {
  test('registers the application, and prints what to paste into it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const url = server.storage.url;
    const args = ['client', 'create', '--preset', 'miniflux', '--url', 'https://rss.example/'];
    const { code, stdout, stderr } = await latchkey(args, { url });
    assert.equal(code, 0, stderr);
    const secret = /client_secret +(\S+)/.exec(stdout)?.[1] ?? 'none';
    assert.ok(stdout.includes(`OAUTH2_CLIENT_SECRET=${secret}`));
    assert.ok(stdout.includes('OAUTH2_REDIRECT_URL=https://rss.example/oauth2/oidc/callback'));
    assert.match(stdout, /Open https:\/\/rss\.example and select/);

    const name = `Feeds '"; $(id) {{client_secret}}`;
    const named = ['--name', name, '--pkce', 'off', '--json'];
    const asJson = JSON.parse((await latchkey([...args, ...named], { url })).stdout);
    assert.equal(asJson.client_name, name);
    assert.ok(!asJson.paste[0].text.includes('Feeds'));
    assert.equal(asJson.pkce, 'off', 'an option wins over the preset');
    assert.equal(asJson.paste[0].format, 'env');
    assert.ok(asJson.paste[0].text.includes(asJson.client_id));
    assert.equal(asJson.endpoints.token_endpoint, `${asJson.endpoints.issuer}/token`);
  });

  test('prints a new secret for the cookies of an application that needs one', async (t) => {
    const { storage } = await startServer(t, 'sqlite');
    const cookieSecret = async () => {
      const args = ['client', 'create', '--preset', 'oauth2-proxy', '--url', 'https://a.example'];
      const { stdout } = await latchkey(args, { url: storage.url });
      return /OAUTH2_PROXY_COOKIE_SECRET=(\w{32})$/m.exec(stdout)?.[1] ?? assert.fail(stdout);
    };
    assert.notEqual(await cookieSecret(), await cookieSecret());
  });

  test('gives the application the claims that its preset names, or those of the command', async (t) => {
    const server = await startServer(t, 'sqlite');
    const args = ['client', 'create', '--preset', 'headscale', '--url', 'https://net.example', '--json'];
    for (const [options, claims] of [
      [[], ['groups=roles']],
      [['--claim', 'tenant=value:acme'], ['tenant=value:acme']],
    ] as const) {
      const { stdout } = await latchkey([...args, ...options], { url: server.storage.url });
      assert.deepEqual(JSON.parse(stdout).claims, claims);
    }
  });

  test('registers an API, which has no address and may introspect tokens of other applications', async (t) => {
    const { storage } = await startServer(t, 'sqlite');
    const args = [
      'client',
      'create',
      '--preset',
      'spring-resource-server',
      '--scope',
      'notes:read',
      '--json',
    ];
    const { stdout, stderr, code } = await latchkey(args, { url: storage.url });
    assert.equal(code, 0, stderr);
    const { is_resource_server, redirect_uris, scope, paste } = JSON.parse(stdout);
    assert.deepEqual([is_resource_server, redirect_uris, scope], [true, [], 'notes:read']);
    assert.match(paste[0].text, /introspection-uri: "http.*\/token\/introspection/);

    const dovecot = await latchkey(['client', 'create', '--preset', 'dovecot', '--json'], {
      url: storage.url,
    });
    assert.equal(dovecot.code, 0, dovecot.stderr);
    const { client_id, client_secret, paste: files } = JSON.parse(dovecot.stdout);
    assert.ok(files[0].text.includes(`//${client_id}:${client_secret}@`), files[0].text);
  });

  test('without a preset ends with what every application asks for, and show repeats it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const discovery = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    const { endpoints, create, show } = server.services.clients;
    const { issuer, discovery: address, ...named } = endpoints;
    for (const [name, endpoint] of Object.entries(named))
      assert.equal((discovery as Record<string, unknown>)[name], endpoint, name);
    assert.equal(address, `${issuer}/.well-known/openid-configuration`);
    const { client_id } = await create(
      { accountId: null },
      { name: 'A', redirectUris: ['https://a.example/cb'] },
    );
    const shown = await latchkey(['client', 'show', client_id], { url: server.storage.url });
    assert.match(shown.stdout, new RegExp(`Client ID +${client_id}\\n`));
    assert.doesNotMatch(shown.stdout, /Client secret/);
    assert.ok((await show(client_id)).client_id);
  });

  test('refuses what does not fit its preset, and registers nothing', async (t) => {
    const server = await startServer(t, 'sqlite');
    for (const [options, message] of [
      [['--preset', 'nothing'], /There is no preset nothing/],
      [['--preset', 'miniflux'], /Name the address of Miniflux with --url/],
      [['--preset', 'miniflux', '--url', 'rss.example'], /is no address such as/],
      [['--preset', 'miniflux', '--url', 'https://rss.example/?a=1'], /is no address such as/],
      [['--preset', 'miniflux', '--url', 'https://:secret@rss.example'], /is no address such as/],
      [['--preset', 'keycloak', '--url', 'https://k.example', '--set', 'realm'], /NAME=VALUE/],
      [['--preset', 'keycloak', '--url', 'https://k.example', '--set', 'relm=a'], /has no option relm/],
      [['--preset', 'keycloak', '--url', 'https://k.example', '--set', 'realm=a/b'], /use letters/],
      [
        ['--preset', 'miniflux', '--url', "https://a.example/'$(id)"],
        /The value of OAUTH2_REDIRECT_URL has a character/,
      ],
      [['--name', 'A', '--url', 'https://a.example'], /belong to a preset/],
      [[], /required option '--name/],
    ] as const) {
      const result = await latchkey(['client', 'create', ...options], { url: server.storage.url });
      assert.notEqual(result.code, 0, options.join(' '));
      assert.match(result.stderr, message);
    }
    assert.equal((await server.services.clients.list()).length, 0);
  });
});

describe('presets of the operator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'presets-'));
  const own = { ...readPreset(projectPath('presets/miniflux.json')), name: 'feeds', title: 'Our feeds' };
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  test('are listed with ours, and win over one of the same name', async () => {
    write('feeds.json', JSON.stringify(own));
    write('miniflux.json', JSON.stringify({ ...own, name: 'miniflux' }));
    const presets = createPresets(folder);
    assert.equal(presets.get('feeds').title, 'Our feeds');
    assert.equal(presets.get('miniflux').title, 'Our feeds');
    assert.ok(presets.list().length > 14);
    const env = { LATCHKEY_PRESETS: folder };
    const { stdout } = await latchkey(['preset', 'list', '--json'], { url: 'sqlite::memory:', env });
    assert.ok(JSON.parse(stdout).some(({ name }: { name: string }) => name === 'feeds'));
    const shown = await latchkey(['preset', 'show', 'feeds'], { url: 'sqlite::memory:', env });
    assert.match(shown.stdout, /OAUTH2_PROVIDER=oidc/);
  });

  test('are refused with the name of the file and each fault', () => {
    for (const [text, message] of [
      ['{', /broken\.json is not JSON/],
      [
        JSON.stringify({ ...own, name: 'broken', kind: 'secret', scope: '' }),
        /broken\.json is no valid preset\. .*scope.*kind/,
      ],
      [JSON.stringify({ ...own, name: 'broken', extra: 1 }), /extra/],
      [JSON.stringify({ ...own, name: 'broken', redirect: [] }), /redirect: is missing only for a resource/],
      [
        JSON.stringify({ ...own, name: 'broken', claims: ['sub=roles'] }),
        /claims\.0: The claim sub is reserved/,
      ],
      [JSON.stringify(own), /has the name feeds\. It must be that of the file: broken/],
    ] as const) {
      write('broken.json', text);
      assert.throws(() => createPresets(folder).list(), { name: 'LatchkeyError', message });
    }
    assert.throws(() => createPresets(join(folder, 'missing')).list(), /Check LATCHKEY_PRESETS/);
  });
});
