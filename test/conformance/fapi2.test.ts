import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeProtectedHeader, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import type { Account } from '../../src/identity/accounts/store.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import { authorizeUrl } from '../support/builders/authorization.ts';
import { createKey, sign } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { createFapiClient, type FapiClient, redeemFapi } from '../support/builders/fapi-client.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;
const now = () => Math.floor(Date.now() / 1000);

describe('FAPI 2.0 Security Profile', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let app: FapiClient;
  let ada: Account & { password: string };
  before(async () => {
    server = await startServer(t, 'sqlite');
    app = await createFapiClient(server);
    ada = await server.createAccount();
  });
  after(close);

  const push = async (params: Record<string, string | undefined>, changes = {}) => {
    const all = Object.entries({ ...(await app.request()), ...params });
    const stated = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
    return app.send('/request', Object.fromEntries(stated), changes);
  };
  const refusesClient = (input: Partial<ClientInput>) =>
    assert.rejects(createFapiClient(server, input), { code: 'fapi_profile_violated' });

  describe('5.3.2.1 General requirements', () => {
    test('1: distributes discovery metadata', async () => {
      const metadata = app.config.serverMetadata();
      assert.equal(metadata.issuer, server.issuer);
      assert.equal(metadata.pushed_authorization_request_endpoint, `${server.issuer}/request`);
      assert.ok(metadata.token_endpoint_auth_methods_supported?.includes('private_key_jwt'));
      assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
      assert.ok((metadata.dpop_signing_alg_values_supported ?? []).length > 0);
      const plain = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
      assert.equal(plain.status, 200);
    });

    test('2: rejects the password grant', async () => {
      const answer = await app.send('/token', { grant_type: 'password', username: 'ada', password: 'x' });
      assert.equal(await errorOf(answer), 'unsupported_grant_type');
    });

    test('3: supports confidential clients only', async () => {
      await refusesClient({ public: true, authMethod: undefined });
      await assert.rejects(server.clients.update(OPERATOR, app.client.client_id, { public: true }), {
        code: 'fapi_profile_violated',
      });
    });

    test('4, 5: issues sender-constrained access tokens only, by DPoP or mutual TLS', async () => {
      const arrived = await app.signIn(ada);
      await assert.rejects(
        oidc.authorizationCodeGrant(app.config, arrived, {
          pkceCodeVerifier: app.verifier,
          expectedState: 'x',
          idTokenExpected: true,
        }),
      );
      const answer = await app.send('/token', { grant_type: 'client_credentials', scope: 'openid' });
      assert.notEqual(answer.status, 200);
      const change = (changes: object) => server.clients.update(OPERATOR, app.client.client_id, changes);
      await assert.rejects(change({ requireDpop: false }), { code: 'fapi_profile_violated' });
    });

    test('6: authenticates clients by private_key_jwt or mutual TLS only', async () => {
      for (const authMethod of ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const)
        await refusesClient({ authMethod, jwks: undefined });
      const rsa = await createKey('RS256', 'rsa');
      await refusesClient({ authSigningAlg: 'RS256', jwks: { keys: [rsa.jwk] } });
    });

    test('7: exposes no open redirector', async () => {
      const request = {
        verifier: '',
        params: {
          ...(await app.request()),
          client_id: app.client.client_id,
          redirect_uri: 'https://evil.example/',
        },
      };
      const page = await new Browser(server.issuer).get(authorizeUrl(request));
      assert.equal(page.headers.get('location'), null);
    });

    test('8: accepts its issuer alone, as a string, as the aud of a client assertion', async () => {
      for (const aud of [
        `${server.issuer}/token`,
        `${server.issuer}/request`,
        [server.issuer],
        [server.issuer, 'x'],
      ])
        assert.equal((await push({}, { claims: { aud } })).status, 401, String(aud));
      assert.equal((await push({})).status, 201);
    });

    test('9: does not rotate refresh tokens, and a token works with its key only', async () => {
      const tokens = await redeemFapi(app, await app.signIn(ada));
      const refresh = (dpop = app.dpop) =>
        oidc.refreshTokenGrant(app.config, String(tokens.refresh_token), undefined, { DPoP: dpop });
      for (let turn = 0; turn < 3; turn++) {
        const { access_token, refresh_token = tokens.refresh_token } = await refresh();
        assert.ok(access_token);
        assert.equal(refresh_token, tokens.refresh_token);
      }
      await assert.rejects(oidc.refreshTokenGrant(app.config, String(tokens.refresh_token)));
      const [row] = await server.database.knex('T_refresh_tokens').orderBy('id', 'desc').limit(1);
      assert.equal(row.consumed_at, null);
    });

    test('10: uses nonces of the server for DPoP', async () => {
      const keys = await oidc.randomDPoPKeyPair();
      const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey);
      const proof = (claims: object) =>
        new SignJWT({
          htm: 'POST',
          htu: `${server.issuer}/request`,
          jti: String(Math.random()),
          iat: now(),
          ...claims,
        })
          .setProtectedHeader({
            alg: 'ES256',
            typ: 'dpop+jwt',
            jwk: { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y } as never,
          })
          .sign(keys.privateKey);
      const send = async (claims: object) => {
        const assertion = await sign(server, app.client.client_id, app.key);
        const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
        const params = {
          ...(await app.request()),
          client_id: app.client.client_id,
          client_assertion_type: type,
          client_assertion: assertion,
        };
        const headers = { dpop: await proof(claims) };
        return fetch(`${server.issuer}/request`, {
          method: 'POST',
          body: new URLSearchParams(params),
          headers,
        });
      };
      const first = await send({});
      assert.equal(await errorOf(first), 'use_dpop_nonce');
      const nonce = String(first.headers.get('dpop-nonce'));
      assert.equal((await send({ nonce })).status, 201);
      assert.equal((await send({ nonce, iat: now() + 5 })).status, 201);
      assert.equal((await send({ nonce, iat: now() + 90 })).status, 400);
    });

    test('11: codes live for at most 60 seconds', async () => {
      await app.signIn(ada);
      const [row] = await server.database.knex('T_authorization_codes').orderBy('id', 'desc').limit(1);
      const life = new Date(row.expires_at).getTime() - new Date(row.created_at).getTime();
      assert.ok(life <= 61_000, String(life));
    });

    test('12: binds codes to the DPoP key of the pushed request', async () => {
      const arrived = await app.signIn(ada);
      const other = { ...app, dpop: oidc.getDPoPHandle(app.config, await oidc.randomDPoPKeyPair()) };
      await assert.rejects(redeemFapi(other, arrived));
    });

    test('13: accepts times 10 seconds in the future, and none beyond 60', async () => {
      for (const claim of ['iat', 'nbf']) {
        assert.equal((await push({}, { claims: { [claim]: now() + 8 } })).status, 201, claim);
        assert.equal((await push({}, { claims: { [claim]: now() + 62 } })).status, 401, claim);
      }
    });

    test('14: a token has only the scopes that were requested', async () => {
      const tokens = await redeemFapi(app, await app.signIn(ada, { scope: 'openid' }));
      assert.equal(tokens.scope, 'openid');
    });
  });

  test('5.4 Cryptography: ID tokens and assertions are signed with PS256, ES256 or EdDSA', async () => {
    const tokens = await redeemFapi(app, await app.signIn(ada));
    assert.equal(decodeProtectedHeader(String(tokens.id_token)).alg, 'ES256');
    await assert.rejects(
      server.clients.update(OPERATOR, app.client.client_id, { idTokenSignedResponseAlg: 'RS256' }),
      { code: 'fapi_profile_violated' },
    );
    const rsa = await createKey('RS256', 'rsa');
    const weak = await createFapiClient(server, {
      jwks: { keys: [{ ...rsa.jwk, alg: undefined as never }] },
    });
    const assertion = await sign(server, weak.client.client_id, rsa);
    const answer = await weak.send('/request', { ...(await weak.request()), client_assertion: assertion });
    assert.equal(answer.status, 401);
  });

  test('--fapi gives an existing application what it needs, and --no-fapi lets it change that', async () => {
    const key = await createKey('ES256', 'a');
    const { client_id } = await server.createClient();
    const change = (changes: object) => server.clients.update(OPERATOR, client_id, changes);
    await assert.rejects(change({ fapi: true }), /private_key_jwt/);
    const keyed = { fapi: true, authMethod: 'private_key_jwt', jwks: { keys: [key.jwk] } };
    const profiled = await change(keyed);
    const {
      fapi,
      pkce,
      dpop_bound_access_tokens,
      require_pushed_authorization_requests,
      id_token_signed_response_alg,
    } = profiled;
    assert.deepEqual(
      [
        fapi,
        pkce,
        dpop_bound_access_tokens,
        require_pushed_authorization_requests,
        id_token_signed_response_alg,
      ],
      [true, 'always', true, true, 'ES256'],
    );
    assert.equal((await change({ name: 'Ledger' })).fapi, true);
    await assert.rejects(change({ pkce: 'or-nonce' }), { code: 'fapi_profile_violated' });
    assert.equal((await change({ fapi: false, pkce: 'or-nonce' })).pkce, 'or-nonce');
  });
});
