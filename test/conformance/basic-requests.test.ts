import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { UnsecuredJWT } from 'jose';
import * as oidc from 'openid-client';
import { formOf } from '../support/browser.ts';
import { CALLBACK, createEnds, openSuite, type Suite } from '../support/builders/conformance.ts';
import { age } from '../support/builders/signed-in.ts';

for (const mode of ['default', 'form_post'] as const) {
  describe(`the modules about requests of the basic plan, response mode ${mode}`, () => {
    const { t, close } = createEnds();
    let suite: Suite;
    before(async () => {
      suite = await openSuite(t, mode);
    });
    after(close);

    test('oidcc-server: the callback has code, state and iss, and the ID token the nonce', async () => {
      const { callback, sent, claims, body } = await suite.signIn();
      assert.deepEqual(Object.keys(callback).sort(), ['code', 'iss', 'state']);
      assert.deepEqual([callback.state, callback.iss], [sent.state, suite.server.issuer]);
      assert.equal(claims.nonce, sent.nonce);
      assert.equal(body.token_type, 'Bearer');
      assert.equal(typeof body.expires_in, 'number');
    });

    test('oidcc-response-type-missing: an error, and no code', async () => {
      const { callback } = await suite.authorize({ response_type: undefined });
      assert.equal(callback.error, 'invalid_request');
    });

    test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow: a code, and no nonce in the ID token', async () => {
      assert.equal((await suite.signIn({ nonce: undefined })).claims.nonce, undefined);
    });

    test('oidcc-alternate-happy-flow: the order of scopes and parameters does not matter', async () => {
      const reversed = Object.entries(suite.request({ scope: 'phone address email openid' })).reverse();
      const browser = suite.browser();
      await suite.open(Object.fromEntries(reversed), browser);
      const { body } = await suite.signIn({ scope: 'phone address email openid' }, browser);
      assert.equal(String(body.scope).split(' ').length, 4);
    });

    for (const [module, params] of [
      ['display-page', { display: 'page' }],
      ['display-popup', { display: 'popup' }],
      ['ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }],
      ['login-hint', { login_hint: 'buffy@example.com' }],
      ['ui-locales', { ui_locales: 'se' }],
      ['claims-locales', { claims_locales: 'se' }],
    ] as const)
      test(`oidcc-${module}: the parameter causes no error`, async () => {
        assert.equal((await suite.signIn(params)).signIns, 1);
      });

    test('oidcc-login-hint: the sign-in page has the username', async () => {
      const params = new URLSearchParams(suite.request({ login_hint: 'conformance' }));
      const browser = suite.browser();
      const page = await browser.follow(await browser.get(`/auth?${params}`));
      assert.match((await formOf(page)).html, /name="username"[^>]*value="conformance"/);
    });

    test('oidcc-prompt-login: the user signs in again, and auth_time does not fall', async () => {
      const first = await suite.signIn();
      const second = await suite.signIn({ prompt: 'login' }, first.browser);
      assert.equal(second.signIns, 1);
      assert.ok(Number(second.claims.auth_time) >= Number(first.claims.auth_time));
      assert.equal(second.claims.sub, first.claims.sub);
    });

    test('oidcc-prompt-none-not-logged-in: login_required, without a page', async () => {
      const { callback, sent, signIns } = await suite.authorize({ prompt: 'none' });
      assert.deepEqual([callback.error, callback.state, signIns], ['login_required', sent.state, 0]);
    });

    test('oidcc-prompt-none-logged-in and oidcc-id-token-hint: the same user and auth_time, without a page', async () => {
      const first = await suite.signIn();
      for (const hint of [undefined, first.idToken]) {
        const second = await suite.signIn({ prompt: 'none', id_token_hint: hint }, first.browser);
        assert.equal(second.signIns, 0);
        assert.deepEqual(
          [second.claims.sub, second.claims.auth_time],
          [first.claims.sub, first.claims.auth_time],
        );
      }
    });

    test('oidcc-max-age-1: the user signs in again, and the ID token has auth_time', async () => {
      const first = await suite.signIn();
      await age(suite.server);
      const second = await suite.signIn({ max_age: '1' }, first.browser);
      assert.equal(second.signIns, 1);
      assert.ok(Math.abs(Number(second.claims.auth_time) - Date.now() / 1000) < 60);
    });

    test('oidcc-max-age-10000: nobody signs in again, and auth_time stays', async () => {
      const first = await suite.signIn({ max_age: '15000' });
      const second = await suite.signIn({ max_age: '10000' }, first.browser);
      assert.equal(second.signIns, 0);
      assert.equal(second.claims.auth_time, first.claims.auth_time);
    });

    test('oidcc-ensure-request-with-acr-values-succeeds: the ID token has one of them', async () => {
      const { acr_values_supported: supported } = (await (
        await fetch(`${suite.server.issuer}/.well-known/openid-configuration`)
      ).json()) as { acr_values_supported: string[] };
      const { claims } = await suite.signIn({ acr_values: supported.join(' ') });
      assert.ok(supported.includes(String(claims.acr)));
    });

    test('oidcc-ensure-registered-redirect-uri: a page, and no redirect', async () => {
      const sent = suite.request({ redirect_uri: `${CALLBACK}/other` });
      const { response } = await suite.open(sent, suite.browser());
      assert.deepEqual([response.status, response.headers.get('location')], [400, null]);
    });

    test('oidcc-redirect-uri-query-OK, -query-mismatch and -query-added: the query is compared exactly', async () => {
      const query = '?dummy1=lorem&dummy2=ipsum';
      const { callback } = await suite.signIn({ redirect_uri: `${CALLBACK}${query}` });
      if (mode === 'default') assert.equal(callback.dummy1, 'lorem');
      for (const other of ['?dummy1=lorem&dummy2=other', `${query}&dummy3=x`, '?foo=bar']) {
        const sent = suite.request({ redirect_uri: `${CALLBACK}${other}` });
        assert.equal((await suite.open(sent, suite.browser())).response.status, 400);
      }
    });

    test('oidcc-ensure-redirect-uri-in-authorization-request: a page without it', async () => {
      const { response } = await suite.open(suite.request({ redirect_uri: undefined }), suite.browser());
      assert.equal(response.status, 400);
    });

    test('oidcc-ensure-post-request-succeeds: a POST is the same request', async () => {
      const browser = suite.browser();
      const posted = await browser.request('/auth', {
        method: 'POST',
        body: new URLSearchParams(suite.request()),
      });
      assert.match((await formOf(await browser.follow(posted))).html, /name="password"/);
    });

    test('oidcc-ensure-request-with-valid-pkce-succeeds: with the verifier there are tokens', async () => {
      const verifier = oidc.randomPKCECodeVerifier();
      const { callback } = await suite.authorize({
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      const fields = { grant_type: 'authorization_code', code: callback.code, redirect_uri: CALLBACK };
      assert.equal((await suite.token({ ...fields, code_verifier: verifier })).status, 200);
    });

    test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported: an error in the response mode of the object', async () => {
      const object = new UnsecuredJWT(suite.request()).encode();
      const { callback } = await suite.authorize({ request: object, response_mode: undefined });
      assert.equal(callback.error, 'invalid_request_object');
    });

    test('oidcc-ensure-request-object-with-redirect-uri: a page if the address names another one', async () => {
      const object = new UnsecuredJWT(suite.request()).encode();
      const sent = suite.request({ request: object, redirect_uri: `${CALLBACK}/other` });
      assert.equal((await suite.open(sent, suite.browser())).response.status, 400);
    });

    test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported: refused', async () => {
      const { callback } = await suite.authorize({ request_uri: `${CALLBACK}/request.jwt` });
      assert.equal(callback.error, 'invalid_request_uri');
    });
  });
}
