import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import { toClientInput } from '../../src/oidc/clients/rfc7591.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { latchkey } from '../support/warm-command.ts';

/** A folder for files that the command reads. */
function createFolder(t: { after(work: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-metadata-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return (name: string, content: unknown) => {
    const file = join(folder, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
}

test('latchkey client takes client metadata from a file, and names what it cannot use', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const write = createFolder(t);
  const run = (...args: string[]) => latchkey(['client', ...args, '--json'], { url });
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'a' };
  const metadata = {
    client_name: 'Ledger',
    client_uri: 'https://ledger.example',
    redirect_uris: ['https://ledger.example/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [jwk] },
    scope: 'openid email',
    contacts: ['ops@ledger.example'],
    application_type: 'web',
    dpop_bound_access_tokens: true,
    logo_uri: null,
    pkce: 'always',
  };
  const created = await run('create', '--metadata', write('client.json', metadata), '--scope', 'openid');
  assert.equal(created.code, 0, created.stderr);
  const { client_id, client_secret, ...document } = JSON.parse(created.stdout);
  const { logo_uri: _, ...expected } = { ...metadata, scope: 'openid' };
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, document[name]])), expected);
  assert.equal(client_secret, undefined);

  const changes = write('changes.json', {
    client_name: 'Ledger 2',
    token_endpoint_auth_method: 'client_secret_post',
  });
  const updated = JSON.parse((await run('update', client_id, '--metadata', changes)).stdout);
  assert.deepEqual([updated.client_name, updated.client_uri], ['Ledger 2', 'https://ledger.example']);
  assert.equal(updated.token_endpoint_auth_method, 'client_secret_post');
  assert.equal(updated.client_secret.length, 43);
  assert.equal(updated.token_endpoint_auth_signing_alg, undefined);

  const refused: [unknown, RegExp][] = [
    [
      { ...metadata, software_statement: 'x', 'client_name#de': 'Buch' },
      /software_statement, client_name#de/,
    ],
    [{ ...metadata, redirect_uris: 'https://ledger.example/cb' }, /redirect_uris must be a list/],
    [{ ...metadata, response_types: ['token'] }, /response type is one of/],
    [{ ...metadata, response_types: ['id_token'] }, /LATCHKEY_IMPLICIT_GRANT/],
    [{ ...metadata, token_endpoint_auth_method: 'tls' }, /authentication method/],
    [{ ...metadata, jwks: { keys: [await exportJWK(privateKey)] } }, /private member "d"/],
    [{ ...metadata, jwks_uri: 'https://ledger.example/jwks' }, /Leave out one/],
    [{ ...metadata, token_endpoint_auth_signing_alg: 'HS256' }, /HS256/],
    [{ ...metadata, jwks: undefined }, /needs its public keys/],
    [{ ...metadata, __proto__: null, constructor: 'x' }, /constructor/],
    [[metadata], /JSON object/],
    ['{"client_name": ', /is not JSON/],
  ];
  for (const [content, message] of refused) {
    const { code, stderr } = await run('create', '--metadata', write('wrong.json', content));
    assert.deepEqual([code, stderr.trim().split('\n').length], [1, 1], stderr);
    assert.match(stderr, message);
  }
  for (const other of [{ client_id: 'another' }, { display_code: true }])
    assert.equal((await run('update', client_id, '--metadata', write('wrong.json', other))).code, 1);
  assert.equal((await run('create', '--metadata', 'missing.json')).code, 1);
  const both = await run('create', '--metadata', changes, '--preset', 'miniflux');
  assert.equal(both.code, 2);
});

test('latchkey client takes keys from a file, and shows which they are', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const write = createFolder(t);
  const { publicKey } = await generateKeyPair('Ed25519', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: '2026-11' };
  const create = (...args: string[]) =>
    latchkey(
      [
        'client',
        'create',
        '--name',
        'X',
        '--grant-type',
        'client_credentials',
        '--auth-method',
        'private_key_jwt',
        ...args,
      ],
      { url },
    );
  assert.match((await create('--jwks', write('key.json', jwk))).stdout, /2026-11 \(OKP Ed25519\)/);
  assert.match((await create('--jwks-uri', 'https://x.example/jwks')).stdout, /https:\/\/x\.example\/jwks/);
  const wrong: [unknown, RegExp][] = [
    [{ keys: [] }, /at least one key/],
    [{ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }, /private member "k"/],
    [{ keys: [jwk, jwk] }, /same kid/],
    [{ keys: [{ ...jwk, x: 'AA' }] }, /not a valid public key/],
    [{ keys: [{ ...jwk, crv: 'X25519' }] }, /crv/],
    ['-----BEGIN PUBLIC KEY-----', /not JSON/],
  ];
  for (const [content, message] of wrong)
    assert.match((await create('--jwks', write('wrong.json', content))).stderr, message);
});

test('metadata that no operator wrote sets no member of ours, and unknown members are ignored', () => {
  const input = toClientInput(
    {
      client_name: 'X',
      redirect_uris: ['https://x.example/cb'],
      token_endpoint_auth_method: 'none',
      is_first_party: true,
      is_resource_server: true,
      client_id: 'latchkey',
      claims: ['groups=roles'],
      pkce: 'off',
      display_code: true,
      software_version: '1',
      response_types: ['code', 'id_token'],
      logo_uri: 'https://x.example/logo.png',
    },
    { ignoreUnknown: true },
  );
  assert.deepEqual(input, {
    name: 'X',
    redirectUris: ['https://x.example/cb'],
    public: true,
    // Bounded by registration/bounds.ts.
    responseTypes: ['code', 'id_token'],
  });
});
