import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose';
import type { Browser } from '../support/browser.ts';
import { createKey } from '../support/builders/client-assertions.ts';
import {
  AFTER_LOGOUT,
  createEnds,
  openSuite,
  type SignedIn,
  type Suite,
} from '../support/builders/conformance.ts';
import { receiveLogouts } from '../support/builders/logout-receiver.ts';
import { textOf } from '../support/builders/signed-in.ts';

describe('the RP-initiated and back-channel logout plans', () => {
  const { t, close } = createEnds();
  let suite: Suite;
  before(async () => {
    suite = await openSuite(t);
  });
  after(close);

  const end = (browser: Browser, params: Record<string, string>) =>
    browser.get(`/session/end?${new URLSearchParams(params)}`);
  const withHint = ({ idToken }: SignedIn) => ({
    id_token_hint: idToken,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: 'a state',
  });
  const isSignedOut = async (browser: Browser) =>
    (await suite.authorize({ prompt: 'none' }, browser)).callback.error === 'login_required';

  async function metadata() {
    const response = await fetch(`${suite.server.issuer}/.well-known/openid-configuration`);
    return (await response.json()) as Record<string, unknown>;
  }

  test('oidcc-rp-initiated-logout-discovery-endpoint-verification: the endpoint is published', async () => {
    assert.equal((await metadata()).end_session_endpoint, `${suite.server.issuer}/session/end`);
  });

  test('oidcc-backchannel-logout-discovery-endpoint-verification: logout tokens with sid are published', async () => {
    const { backchannel_logout_supported: on, backchannel_logout_session_supported: sid } = await metadata();
    assert.deepEqual([on, sid], [true, true]);
  });

  test('oidcc-rp-initiated-logout: the user returns with the state, signed out', async () => {
    const signedIn = await suite.signIn();
    const answer = await end(signedIn.browser, withHint(signedIn));
    assert.equal(answer.headers.get('location'), `${AFTER_LOGOUT}?state=a+state`);
    assert.ok(await isSignedOut(signedIn.browser));
  });

  test('oidcc-rp-initiated-logout-no-state: the user returns without a state', async () => {
    const signedIn = await suite.signIn();
    const { state: _, ...params } = withHint(signedIn);
    assert.equal((await end(signedIn.browser, params)).headers.get('location'), AFTER_LOGOUT);
    assert.ok(await isSignedOut(signedIn.browser));
  });

  test('oidcc-rp-initiated-logout-bad-post-logout-redirect-uri and -query-added-to-post-logout-redirect-uri: the user stays', async () => {
    for (const uri of ['https://example.com/elsewhere', `${AFTER_LOGOUT}?foo=bar`]) {
      const signedIn = await suite.signIn();
      const answer = await end(signedIn.browser, {
        ...withHint(signedIn),
        post_logout_redirect_uri: uri,
      });
      assert.deepEqual([answer.status, answer.headers.get('location')], [400, null]);
    }
  });

  test('oidcc-rp-initiated-logout-modified-id-token-hint and -bad-id-token-hint: the user stays', async () => {
    const signedIn = await suite.signIn();
    const claims = decodeJwt(signedIn.idToken);
    const { kid } = decodeProtectedHeader(signedIn.idToken);
    const { privateKey } = await createKey('RS256', 'forged');
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: String(kid) })
      .sign(privateKey);
    for (const hint of [new UnsecuredJWT(claims).encode(), forged]) {
      const answer = await end(signedIn.browser, { ...withHint(signedIn), id_token_hint: hint });
      assert.deepEqual([answer.status, answer.headers.get('location')], [400, null]);
      assert.match(await answer.text(), /nobody was signed out/);
    }
    assert.ok(!(await isSignedOut(signedIn.browser)));
  });

  test('oidcc-rp-initiated-logout-no-id-token-hint: the user stays, or is asked', async () => {
    const { browser } = await suite.signIn();
    const answer = await end(browser, { post_logout_redirect_uri: AFTER_LOGOUT, state: 'x' });
    assert.equal(answer.headers.get('location'), null);
    assert.ok(!(await isSignedOut(browser)));
  });

  test('oidcc-rp-initiated-logout-no-params, -only-state and -no-post-logout-redirect-uri: the user is signed out here', async () => {
    for (const kind of ['no-params', 'only-state', 'no-post-logout-redirect-uri']) {
      const { browser, idToken } = await suite.signIn();
      const params: Record<string, string> = {};
      if (kind === 'only-state') params.state = 'x';
      if (kind === 'no-post-logout-redirect-uri') params.id_token_hint = idToken;
      let page = await browser.follow(await end(browser, params));
      if ((await page.clone().text()).includes('name="logout"')) {
        const html = await page.text();
        const xsrf = /name="xsrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
        page = await browser.follow(await browser.post('/session/end/confirm', { xsrf, logout: 'yes' }));
      }
      assert.match(await textOf(page), /You are signed out/, kind);
      assert.ok(await isSignedOut(browser), kind);
    }
  });

  test('oidcc-backchannel-rp-initiated-logout: the client gets a logout token with the sid of the ID token', async () => {
    const receiver = await receiveLogouts(t);
    const actor = { accountId: null };
    const { client_id } = suite.client;
    await suite.server.clients.update(actor, client_id, { backchannelLogoutUri: receiver.url });
    await new Promise((done) => setTimeout(done, 1000));
    const signedIn = await suite.signIn();
    await end(signedIn.browser, withHint(signedIn));
    await suite.server.deliverLogouts();
    const claims = receiver.tokens
      .map((token) => decodeJwt(token))
      .find(({ sid }) => sid === signedIn.claims.sid);
    assert.equal(claims?.aud, client_id);
    assert.ok('http://schemas.openid.net/event/backchannel-logout' in Object(claims?.events));
  });
});
