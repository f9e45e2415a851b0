import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import {
  type Assertion,
  createKey,
  createService,
  type Key,
  present,
  SERVICE,
  sign,
} from '../support/builders/client-assertions.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const insecure = { execute: [oidc.allowInsecureRequests] };
const CACHE_MS = 1000;
const wait = () => new Promise((resolve) => setTimeout(resolve, CACHE_MS));

for (const engine of engines) {
  describe(`client assertions on ${engine}`, () => {
    test('work once, also when one is sent many times at once', async (t) => {
      const server = await startServer(t, engine);
      const key = await createKey('ES256', 'a');
      const { client_id } = await createService(server, [key]);
      const assertion = await sign(server, client_id, key);
      const answers = await Promise.all(Array.from({ length: 8 }, () => present(server, assertion)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(401)]);
      assert.equal((await present(server, assertion)).status, 401);
      for (const answer of answers.filter(({ status }) => status === 401))
        assert.equal(((await answer.json()) as { error: string }).error, 'invalid_client');
      const { last_refused } = await server.clients.show(client_id);
      assert.equal((last_refused as { parameter: string }).parameter, 'client_assertion');
    });
  });
}

describe('private_key_jwt', () => {
  let server: TestServer;
  const setUp = async (t: Parameters<typeof startServer>[0]) => {
    server = await startServer(t, 'sqlite');
  };

  test('is what openid-client and oauth4webapi send, with keys of each kind', async (t) => {
    await setUp(t);
    for (const alg of ['ES256', 'PS256', 'Ed25519', 'RS256', 'ES512']) {
      const key = await createKey(alg, alg);
      const client = await createService(server, [key]);
      assert.equal(client.token_endpoint_auth_method, 'private_key_jwt');
      assert.equal(client.client_secret, undefined);
      const auth = oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid });
      const config = await oidc.discovery(new URL(server.issuer), client.client_id, {}, auth, insecure);
      const tokens = await oidc.clientCredentialsGrant(config, { scope: 'notes:read' });
      assert.equal(tokens.scope, 'notes:read', alg);
      assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
      await oidc.tokenRevocation(config, tokens.access_token);

      const as = config.serverMetadata() as oauth.AuthorizationServer;
      const response = await oauth.clientCredentialsGrantRequest(
        as,
        { client_id: client.client_id },
        oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }),
        new URLSearchParams(),
        { [oauth.allowInsecureRequests]: true },
      );
      assert.equal(response.status, 200, alg);
    }
  });

  test('is refused with a wrong claim, and the log says which', async (t) => {
    await setUp(t);
    const key = await createKey('ES256', 'a');
    const other = await createKey('ES256', 'a');
    const { client_id } = await createService(server, [key]);
    const { client_id: otherId } = await createService(server, [other]);
    const now = Math.floor(Date.now() / 1000);
    const refused: [what: string, Assertion, Key?][] = [
      ['the token endpoint as its audience', { claims: { aud: `${server.issuer}/token` } }],
      ['a second audience', { claims: { aud: [server.issuer, 'https://other.example'] } }],
      ['another issuer as its audience', { claims: { aud: 'https://other.example' } }],
      ['no audience', { claims: { aud: undefined } }],
      ['an audience with a slash', { claims: { aud: `${server.issuer}/` } }],
      ['an end in the past', { claims: { exp: now - 11 } }],
      ['no end', { claims: { exp: undefined } }],
      ['an end in a year', { claims: { exp: now + 31_536_000 } }],
      ['an end that is a text', { claims: { exp: 'never' as never } }],
      ['a beginning in the future', { claims: { nbf: now + 61 } }],
      ['no id', { claims: { jti: undefined } }],
      ['an iss of another client', { claims: { iss: otherId } }],
      ['a sub of another client', { claims: { sub: otherId } }],
      ['the type of another JWT', { header: { typ: 'dpop+jwt' } }],
      ['an unknown key', { header: { kid: 'b' } }],
      ['a signature of another key', {}, other],
    ];
    for (const [what, changes, signer] of refused) {
      const answer = await present(server, await sign(server, client_id, signer ?? key, changes));
      assert.equal(answer.status, 401, what);
      assert.equal(((await answer.json()) as { error: string }).error, 'invalid_client', what);
    }
    const plain = [
      { alg: 'none' },
      { iss: client_id, sub: client_id, aud: server.issuer, exp: now + 60, jti: 'x' },
    ];
    const unsigned = `${plain.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
    assert.equal((await present(server, unsigned)).status, 401);
    const hmac = new SignJWT(plain[1]).setProtectedHeader({ alg: 'HS256' });
    const byPublicKey = await hmac.sign(new TextEncoder().encode(JSON.stringify(key.jwk)));
    assert.equal((await present(server, byPublicKey)).status, 401);

    const accepted: Assertion[] = [
      { claims: { aud: [server.issuer] } },
      { claims: { nbf: now + 5, iat: now + 5 } },
      { header: { typ: 'client-authentication+jwt' } },
      { header: { kid: undefined } },
    ];
    for (const changes of accepted)
      assert.equal((await present(server, await sign(server, client_id, key, changes))).status, 200);
  });

  test('is accepted for the token endpoint where that is set, also at the address for certificates', async (t) => {
    const config = { tokenEndpointAudience: true, mtlsUrl: 'https://mtls.example' };
    const open = await startServer(t, 'sqlite', { config });
    const key = await createKey('ES256', 'a');
    const { client_id } = await createService(open, [key]);
    const strict = await createService(open, [key], { fapi: true });
    const ask = async (id: string, aud: string | string[]) =>
      (await present(open, await sign(open, id, key, { claims: { aud } }))).status;
    const endpoint = `${open.issuer}/token`;
    for (const aud of [open.issuer, endpoint, 'https://mtls.example/token'])
      assert.equal(await ask(client_id, aud), 200, aud);
    for (const aud of [
      [open.issuer, endpoint],
      `${open.issuer}/request`,
      'https://mtls.example',
      `${endpoint}/`,
    ])
      assert.equal(await ask(client_id, aud), 401, String(aud));
    assert.equal(await ask(strict.client_id, endpoint), 401, 'FAPI 2.0 accepts the issuer alone');
  });

  test('accepts keys until they are replaced, and never a secret', async (t) => {
    await setUp(t);
    const [first, second] = [await createKey('ES256', '1'), await createKey('ES256', '2')];
    const { client_id } = await createService(server, [first]);
    const works = async (key: Key) =>
      (await present(server, await sign(server, client_id, key))).status === 200;
    const register = async (keys: Key[]) => {
      await server.clients.update(OPERATOR, client_id, { jwks: { keys: keys.map(({ jwk }) => jwk) } });
      await wait();
    };
    assert.deepEqual([await works(first), await works(second)], [true, false]);
    await register([first, second]);
    assert.deepEqual([await works(first), await works(second)], [true, true]);
    await register([second]);
    assert.deepEqual([await works(first), await works(second)], [false, true]);
    await assert.rejects(server.clients.rotateSecret(OPERATOR, client_id), { code: 'client_without_secret' });
    assert.deepEqual(await server.database.knex('T_oauth_client_secrets').where({ is_active: true }), []);

    const basic = await server.clients.update(OPERATOR, client_id, { authMethod: 'client_secret_basic' });
    await wait();
    assert.equal(await works(second), false);
    const body = { client_id, client_secret: String(basic.client_secret), grant_type: 'client_credentials' };
    const send = () => fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(body) });
    assert.equal((await send()).status, 200);
    await server.clients.update(OPERATOR, client_id, { authMethod: 'private_key_jwt' });
    await wait();
    assert.equal((await send()).status, 401);
  });
});

describe('client_secret_jwt', () => {
  test('is what openid-client sends, and the earlier of two secrets works until the next rotation', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client_id, client_secret } = await server.createClient({
      ...SERVICE,
      authMethod: 'client_secret_jwt',
    });
    const works = async (secret: unknown) => {
      const auth = oidc.ClientSecretJwt(String(secret));
      const config = await oidc.discovery(new URL(server.issuer), client_id, {}, auth, insecure);
      return oidc.clientCredentialsGrant(config).then(
        () => true,
        () => false,
      );
    };
    assert.equal(await works(client_secret), true);
    assert.equal(await works('none'), false);
    const rotate = async () => {
      const { client_secret: rotated } = await server.clients.rotateSecret(OPERATOR, client_id);
      await wait();
      return rotated;
    };
    const second = await rotate();
    assert.deepEqual([await works(client_secret), await works(second)], [true, true]);
    const third = await rotate();
    assert.deepEqual(
      [await works(client_secret), await works(second), await works(third)],
      [false, true, true],
    );
    const rows = await server.database.knex('T_oauth_client_secrets').orderBy('id');
    assert.deepEqual(
      rows.map(({ is_active, secret_sealed }) => [Boolean(is_active), String(secret_sealed).slice(0, 3)]),
      [
        [false, 'nul'],
        [true, 'v1.'],
        [true, 'v1.'],
      ],
    );
    const body = { client_id, client_secret: String(third), grant_type: 'client_credentials' };
    const plain = await fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(body) });
    assert.equal(plain.status, 401, 'the secret itself');
    // A digest is all that the database has of the secrets of other applications.
    assert.equal(await works(rows[2].secret_hash), false);
    await server.clients.update(OPERATOR, client_id, { authMethod: 'client_secret_post' });
    await wait();
    assert.equal(await works(third), false);
    assert.deepEqual(await server.database.knex('T_oauth_client_secrets').whereNotNull('secret_sealed'), []);
  });

  test('without a readable secret, nobody authenticates', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client_id, client_secret } = await server.createClient({
      ...SERVICE,
      authMethod: 'client_secret_jwt',
    });
    await server.database.knex('T_oauth_client_secrets').update({ secret_sealed: 'v1.00000000.x.y.z' });
    for (const secret of [client_secret, 'none', 'undefined', '']) {
      const key = new TextEncoder().encode(String(secret) || ' ');
      const now = Math.floor(Date.now() / 1000);
      const assertion = await new SignJWT({
        iss: client_id,
        sub: client_id,
        aud: server.issuer,
        exp: now + 60,
        jti: randomUUID(),
      })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(key);
      assert.equal((await present(server, assertion)).status, 401);
    }
  });
});
