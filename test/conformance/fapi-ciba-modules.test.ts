import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import type { Browser } from '../support/browser.ts';
import { answerRequest, CIBA, REQUESTS } from '../support/builders/ciba.ts';
import { type Assertion, createKey, sign } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { createProver, type Prover } from '../support/builders/dpop-proofs.ts';
import { createFapiClient, type FapiClient } from '../support/builders/fapi-client.ts';
import { visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const now = () => Math.floor(Date.now() / 1000);

/** The modules of the plan FAPI-CIBA, whose names begin with `fapi-ciba-id1-`. The suite binds tokens by mutual TLS, these tests by DPoP. */
describe('the FAPI-CIBA modules', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let app: FapiClient;
  let other: FapiClient;
  let browser: Browser;
  let prover: Prover;
  before(async () => {
    server = await startServer(t, 'sqlite');
    const input = { redirectUris: [], grantTypes: [CIBA, 'refresh_token'] as never };
    [app, other] = [await createFapiClient(server, input), await createFapiClient(server, input)];
    const ada = await server.createAccount();
    ({ browser } = await visit(server, ada, REQUESTS));
    prover = await createProver();
  });
  after(close);

  const claimsOf = (changes: JWTPayload = {}): JWTPayload => ({
    iss: app.client.client_id,
    aud: server.issuer,
    iat: now(),
    nbf: now(),
    exp: now() + 300,
    jti: randomUUID(),
    scope: 'openid offline_access',
    login_hint: 'ada',
    ...changes,
  });
  const signed = (changes?: JWTPayload, { key } = app) =>
    new SignJWT(claimsOf(changes)).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey);

  const read = async (response: Response) => ({
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
  });
  const ask = async (request: string, changes?: Assertion) =>
    read(await app.send('/backchannel', { request }, changes));
  const poll = async (id: unknown, by = app, more: Record<string, string> = {}) => {
    const make = async () => ({
      body: new URLSearchParams({
        client_id: by.client.client_id,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await sign(server, by.client.client_id, by.key),
        grant_type: CIBA,
        auth_req_id: String(id),
        ...more,
      }),
    });
    return read(await prover.send(`${server.issuer}/token`, 'POST', make));
  };
  const start = async (changes?: JWTPayload) => {
    const { status, body } = await ask(await signed(changes));
    assert.equal(status, 200, JSON.stringify(body));
    await server.settled();
    return body.auth_req_id;
  };
  /** Answers the request, so that none is left for another test. */
  const signIn = async (changes?: JWTPayload) => {
    const id = await start(changes);
    await answerRequest(browser, 'approve');
    const { status, body } = await poll(id);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const isRefused = async (request: string, changes?: Assertion) => {
    const { status, body } = await ask(request, changes);
    assert.ok(status === 400 || status === 401, JSON.stringify(body));
    assert.match(String(body.error), /^invalid_(request|client)$/);
  };

  test('discovery-end-point-verification: endpoint, grant type, delivery modes and algorithms', async () => {
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.backchannel_authentication_endpoint, `${server.issuer}/backchannel`);
    assert.deepEqual(metadata.backchannel_token_delivery_modes_supported, ['poll', 'ping']);
    assert.ok((metadata.grant_types_supported as string[]).includes(CIBA));
    const algs = metadata.backchannel_authentication_request_signing_alg_values_supported as string[];
    assert.ok(algs.includes('PS256') && algs.includes('ES256'));
    assert.equal(metadata.backchannel_user_code_parameter_supported, false);
  });

  test('fapi-ciba-id1, ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds, refresh-token: the user approves, and the tokens are bound', async () => {
    const body = await signIn();
    assert.equal(body.token_type, 'DPoP');
    assert.equal((await prover.userinfo(server.issuer, String(body.access_token))).status, 200);
    const fields = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) };
    assert.equal((await poll('', app, fields)).status, 200);
    assert.equal((await poll('', other, fields)).body.error, 'invalid_grant');
  });

  test('fapi-ciba-id1: assertions are for the issuer, the token endpoint or the backchannel endpoint', async () => {
    for (const aud of [server.issuer, `${server.issuer}/token`, `${server.issuer}/backchannel`]) {
      const asked = await ask(await signed(), { claims: { aud } });
      assert.equal(asked.status, 200, JSON.stringify(asked.body));
      await answerRequest(browser, 'deny');
    }
    for (const aud of [`${server.issuer}/request`, [server.issuer, `${server.issuer}/token`]])
      assert.equal((await ask(await signed(), { claims: { aud } })).status, 401);
    const client_assertion = await sign(server, app.client.client_id, app.key, {
      claims: { aud: `${server.issuer}/token` },
    });
    assert.equal((await poll('x', app, { client_assertion })).body.error, 'invalid_grant');
  });

  test('user-rejects-authentication: access_denied', async () => {
    const id = await start();
    await answerRequest(browser, 'deny');
    assert.equal((await poll(id)).body.error, 'access_denied');
  });

  test('multiple-call-to-token-endpoint, ensure-wrong-auth-req-id-in-token-endpoint-request: waits, is slowed down, and is for its application only', async () => {
    const id = await start();
    assert.equal((await poll(id)).body.error, 'authorization_pending');
    assert.equal((await poll(id)).body.error, 'slow_down');
    assert.equal((await poll(id, other)).body.error, 'invalid_grant');
    await answerRequest(browser, 'deny');
  });

  test('auth-req-id-expired: expired_token', async () => {
    const { body } = await ask(await signed({ requested_expiry: 10 }));
    assert.equal(body.expires_in, 10);
    const { knex } = server.database;
    const row = await knex('T_backchannel_authentication_requests').orderBy('id', 'desc').first();
    const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: now() - 1 });
    const late = { payload, expires_at: new Date(Date.now() - 1000) };
    await knex('T_backchannel_authentication_requests').where({ id: row.id }).update(late);
    assert.equal((await poll(body.auth_req_id)).body.error, 'expired_token');
  });

  test('ensure-authorization-request-with-binding-message-succeeds, ensure-other-scope-order-succeeds, ensure-requested-expiry-as-string-succeeds', async () => {
    for (const changes of [
      { binding_message: '1234' },
      { scope: 'offline_access openid' },
      { requested_expiry: '30' },
    ])
      assert.ok((await signIn(changes)).id_token);
  });

  test('ensure-authorization-request-with-potentially-bad-binding-message: invalid_binding_message', async () => {
    const { body } = await ask(await signed({ binding_message: `1234 \u00a3${'\u0b9e'.repeat(80)}` }));
    assert.equal(body.error, 'invalid_binding_message');
  });

  for (const [module, changes] of [
    ['missing-aud-fails', { aud: undefined as never }],
    ['bad-aud-fails', { aud: 'https://other.example' }],
    ['missing-iss-fails', { iss: undefined as never }],
    ['bad-iss-fails', { iss: 'another' }],
    ['missing-exp-fails', { exp: undefined as never }],
    ['expired-exp-fails', { exp: now() - 300, nbf: now() - 600 }],
    ['exp-is-70-minutes-in-future-fails', { exp: now() + 4200 }],
    ['missing-iat-fails', { iat: undefined as never }],
    ['missing-nbf-fails', { nbf: undefined as never }],
    ['nbf-is-10-minutes-in-future-fails', { nbf: now() + 600, exp: now() + 900 }],
    ['nbf-is-70-minutes-in-past-fails', { nbf: now() - 4200 }],
    ['missing-jti-fails', { jti: undefined as never }],
  ] as const)
    test(`ensure-request-object-${module}: invalid_request`, async () => {
      await isRefused(await signed(changes));
    });

  test('ensure-request-object-signature-algorithm-is-none-fails, -is-bad-fails, -is-RS256-fails, -signed-by-other-client-fails', async () => {
    await isRefused(new UnsecuredJWT(claimsOf()).encode());
    const good = await signed();
    await isRefused(`${good.slice(0, -8)}AAAAAAAA`);
    await isRefused(await signed({}, { ...app, key: await createKey('RS256', app.key.kid) }));
    await isRefused(await signed({}, other));
  });

  test('ensure-unsigned-backchannel-authorization-request-fails: invalid_request', async () => {
    const fields = { scope: 'openid', login_hint: 'ada' };
    assert.equal((await read(await app.send('/backchannel', fields))).body.error, 'invalid_request');
  });

  test('ensure-authorization-request-with-multiple-hints-fails: invalid_request', async () => {
    await isRefused(await signed({ id_token_hint: 'x' }));
  });

  test('ensure-without-client-assertion-in-backchannel-authorization-request, -in-token-endpoint-request, ensure-mtls-holder-of-key-required: refused', async () => {
    const body = new URLSearchParams({ client_id: app.client.client_id, request: await signed() });
    assert.equal((await fetch(`${server.issuer}/backchannel`, { method: 'POST', body })).status, 401);
    const id = await start();
    await answerRequest(browser, 'approve');
    const fields = { grant_type: CIBA, auth_req_id: String(id) };
    const bare = new URLSearchParams({ client_id: app.client.client_id, ...fields });
    assert.equal((await fetch(`${server.issuer}/token`, { method: 'POST', body: bare })).status, 401);
    assert.notEqual((await app.send('/token', fields)).status, 200);
  });

  test('ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails, -in-token-endpoint-request-: invalid_client', async () => {
    const weak = { ...app, key: await createKey('RS256', app.key.kid) };
    const client_assertion = await sign(server, app.client.client_id, weak.key);
    const asked = await read(await app.send('/backchannel', { request: await signed(), client_assertion }));
    assert.equal(asked.body.error, 'invalid_client');
    assert.equal((await poll('x', weak)).body.error, 'invalid_client');
  });
});
