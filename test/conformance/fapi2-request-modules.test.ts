import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { createKey, sign } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { type FapiSuite, openFapiSuite } from '../support/builders/fapi-modules.ts';

const now = () => Math.floor(Date.now() / 1000);

/** The modules of the plan `fapi2-security-profile-final-test-plan`, whose names begin with `fapi2-security-profile-final-`. */
describe('the FAPI 2.0 modules about requests', () => {
  const { t, close } = createEnds();
  let suite: FapiSuite;
  before(async () => {
    suite = await openFapiSuite(t);
  });
  after(close);

  const isRefused = async (error: string, ...args: Parameters<FapiSuite['push']>) => {
    const { status, body } = await suite.push(...args);
    assert.ok(status === 400 || status === 401, JSON.stringify(body));
    assert.equal(body.error, error, JSON.stringify(body));
  };

  test('discovery-end-point-verification: the metadata have what the profile requires', async () => {
    const response = await fetch(`${suite.server.issuer}/.well-known/openid-configuration`);
    const metadata = (await response.json()) as Record<string, string[]>;
    const has = (member: string, ...values: string[]) =>
      assert.deepEqual(
        values.filter((value) => !metadata[member]?.includes(value)),
        [],
        member,
      );
    has('response_types_supported', 'code');
    has('code_challenge_methods_supported', 'S256');
    has('token_endpoint_auth_methods_supported', 'private_key_jwt');
    has('token_endpoint_auth_signing_alg_values_supported', 'PS256', 'ES256', 'Ed25519');
    has('dpop_signing_alg_values_supported', 'ES256');
    has('id_token_signing_alg_values_supported', 'ES256');
    has('grant_types_supported', 'authorization_code');
    has('claims_supported', 'sub');
    assert.equal(metadata.authorization_response_iss_parameter_supported, true);
    assert.equal(metadata.pushed_authorization_request_endpoint, `${suite.server.issuer}/request`);
  });

  test('happy-flow: pushed, allowed, redeemed with DPoP, and used', async () => {
    const body = await suite.signIn({ nonce: 'n', scope: 'openid profile' });
    assert.equal(body.token_type, 'DPoP');
    const claims = decodeJwt(String(body.id_token));
    assert.deepEqual([claims.nonce, claims.aud], ['n', suite.app.client.client_id]);
    assert.equal(decodeProtectedHeader(String(body.id_token)).alg, 'ES256');
    const info = await suite.prover.userinfo(suite.server.issuer, String(body.access_token));
    assert.equal(((await info.json()) as { sub: string }).sub, claims.sub);
  });

  test('user-rejects-authentication: access_denied at the redirect URI', async () => {
    const callback = await suite.authorize({ scope: 'openid email' }, { decision: 'deny' });
    assert.equal(callback.get('error'), 'access_denied');
    assert.deepEqual([callback.get('state'), callback.get('iss')], ['x', suite.server.issuer]);
  });

  test('ensure-authorization-request-without-state-success, -without-nonce-success: neither comes back', async () => {
    const callback = await suite.authorize({ state: undefined });
    assert.equal(callback.get('state'), null);
    const { body } = await suite.token(callback.get('code'));
    const claims = decodeJwt(String(body.id_token));
    assert.deepEqual([claims.nonce, claims.s_hash], [undefined, undefined]);
  });

  test('ensure-authorization-request-with-64-char-nonce-success, -with-long-nonce: the nonce comes back, or is refused', async () => {
    const nonce = 'n'.repeat(64);
    assert.equal(decodeJwt(String((await suite.signIn({ nonce })).id_token)).nonce, nonce);
    const { body } = await suite.push({ nonce: 'n'.repeat(384) });
    const browser = new Browser(suite.server.issuer);
    const page = await browser.follow(await browser.get(suite.urlOf(body.request_uri)));
    assert.equal(answerOf(page).get('error'), 'invalid_request');
  });

  test('ensure-authorization-request-with-long-state: the state comes back', async () => {
    const state = 's'.repeat(384);
    assert.equal((await suite.authorize({ state })).get('state'), state);
  });

  test('ensure-other-scope-order-succeeds: the order of scopes does not matter', async () => {
    assert.ok((await suite.signIn({ scope: 'offline_access profile openid' })).refresh_token);
  });

  test('test-claims-parameter-identity-claims: a claim in the ID token, and another at userinfo', async () => {
    const claims = JSON.stringify({ id_token: { preferred_username: null }, userinfo: { email: null } });
    const body = await suite.signIn({ scope: 'openid', claims });
    assert.equal(decodeJwt(String(body.id_token)).preferred_username, suite.ada.username);
    const info = await suite.prover.userinfo(suite.server.issuer, String(body.access_token));
    assert.ok(((await info.json()) as { email?: string }).email);
  });

  test('state-only-outside-request-object-not-used, ensure-different-nonce- and -state-inside-and-outside: what was pushed counts', async () => {
    for (const [pushed, outside, state] of [
      [{ state: undefined }, { state: 'outside' }, null],
      [{ nonce: 'inside' }, { nonce: 'outside', state: 'outside' }, 'x'],
    ] as const) {
      const { body } = await suite.push(pushed);
      const url = new URL(suite.urlOf(body.request_uri, outside), suite.server.issuer);
      const request = { verifier: '', params: Object.fromEntries(url.searchParams) };
      const callback = answerOf(await walk(new Browser(suite.server.issuer), request, suite.ada));
      assert.equal(callback.get('state'), state);
      const tokens = await suite.token(callback.get('code'));
      const nonce = 'nonce' in pushed ? pushed.nonce : undefined;
      assert.equal(decodeJwt(String(tokens.body.id_token)).nonce, nonce);
    }
  });

  test('ensure-registered-redirect-uri, plain-fapi-tolerate-unregistered-redirect-uri, ensure-redirect-uri-in-authorization-request, ensure-request-object-without-redirect-uri-fails: refused when it is pushed', async () => {
    await isRefused('invalid_request', { redirect_uri: `${suite.app.redirectUri}/other` });
    await isRefused('invalid_request', { redirect_uri: undefined });
  });

  test('ensure-response-type-code-idtoken-fails, ensure-response-type-token-fails: unsupported_response_type', async () => {
    for (const response_type of ['code id_token', 'token'])
      await isRefused('unsupported_response_type', { response_type, nonce: 'n' });
  });

  test('ensure-unsigned-authorization-request-without-using-par-fails: invalid_request', async () => {
    const params = { ...(await suite.app.request()), client_id: suite.app.client.client_id };
    const query = new URLSearchParams(params);
    const answer = answerOf(await new Browser(suite.server.issuer).get(`/auth?${query}`));
    assert.deepEqual([answer.get('error'), answer.get('code')], ['invalid_request', null]);
  });

  test('par-ensure-pkce-required, par-plain-pkce-rejected: invalid_request', async () => {
    await isRefused('invalid_request', { code_challenge: undefined, code_challenge_method: undefined });
    await isRefused('invalid_request', {
      code_challenge: suite.app.verifier,
      code_challenge_method: 'plain',
    });
  });

  test('par-authorization-request-containing-request_uri-form-param: request_uri_not_supported', async () => {
    const request_uri = 'urn:ietf:params:oauth:request_uri:UxTMSrzcxnLZPzPgPqTHj';
    await isRefused('request_uri_not_supported', { request_uri });
  });

  test('par-attempt-invalid-http-method: 405', async () => {
    for (const method of ['GET', 'PUT'])
      assert.equal((await fetch(`${suite.server.issuer}/request`, { method })).status, 405);
  });

  test('par-test-array-as-audience-fails, par-test-par-endpoint-url-as-audience-fails, par-test-token-endpoint-url-as-audience-fails: invalid_client', async () => {
    const { issuer } = suite.server;
    for (const aud of [[issuer, `${issuer}/token`], [issuer], `${issuer}/request`, `${issuer}/token`])
      await isRefused('invalid_client', {}, { assertion: { claims: { aud } } });
  });

  test('par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted, -nbf-over-60-seconds-in-the-future-fails', async () => {
    const soon = { iat: now() + 8, nbf: now() + 8 };
    assert.equal((await suite.push({}, { assertion: { claims: soon } })).status, 201);
    const late = { iat: now() + 65, nbf: now() + 65, exp: now() + 120 };
    await isRefused('invalid_client', {}, { assertion: { claims: late } });
  });

  test('par-without-duplicate-parameters, par-ensure-reused-request-uri-prior-to-auth-completion-succeeds, par-attempt-reuse-request_uri: once, at the end of the sign-in', async () => {
    const { body } = await suite.push();
    const browser = new Browser(suite.server.issuer);
    const first = await browser.follow(await browser.get(suite.urlOf(body.request_uri)));
    assert.match(await first.text(), /name="password"/);
    const url = new URL(suite.urlOf(body.request_uri), suite.server.issuer);
    const request = { verifier: '', params: Object.fromEntries(url.searchParams) };
    assert.ok(answerOf(await walk(browser, request, suite.ada)).get('code'));
    const again = await browser.follow(await browser.get(suite.urlOf(body.request_uri)));
    assert.deepEqual([again.status, again.headers.get('location')], [400, null]);
  });

  test('par-attempt-to-use-expired-request_uri: an error page', async () => {
    const { body } = await suite.push();
    const { knex } = suite.server.database;
    const row = await knex('T_pushed_authorization_requests').orderBy('id', 'desc').first();
    const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: now() - 1 });
    await knex('T_pushed_authorization_requests').where({ id: row.id }).update({ payload });
    const page = await new Browser(suite.server.issuer).get(suite.urlOf(body.request_uri));
    assert.deepEqual([page.status, page.headers.get('location')], [400, null]);
  });

  test('par-attempt-to-use-request_uri-for-different-client: an error page', async () => {
    const { body } = await suite.push();
    const { client_id } = suite.other.client;
    const page = await new Browser(suite.server.issuer).get(suite.urlOf(body.request_uri, { client_id }));
    assert.deepEqual([page.status, page.headers.get('location')], [400, null]);
  });

  test('ensure-signed-client-assertion-with-RS256-fails: invalid_client', async () => {
    const { client_id } = suite.app.client;
    const rsa = await createKey('RS256', suite.app.key.kid);
    await isRefused('invalid_client', { client_assertion: await sign(suite.server, client_id, rsa) });
  });
});
