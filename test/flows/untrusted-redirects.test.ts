import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { arriveInNewBrowser, decide } from '../support/builders/consent.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { textOf } from '../support/builders/signed-in.ts';
import type { TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

const REDIRECT = 'https://evil.example/cb';
/** Requests that are refused before anybody has signed in. */
const REFUSED: Record<string, Record<string, string | undefined>> = {
  'prompt=none': { prompt: 'none' },
  'a scope that is not allowed': { scope: 'nothing' },
  'another response type': { response_type: 'token' },
  'no challenge': { code_challenge: undefined, code_challenge_method: undefined },
  'a wrong prompt': { prompt: 'none login' },
  'a wrong max_age': { max_age: 'x' },
  form_post: { prompt: 'none', response_mode: 'form_post' },
  fragment: { prompt: 'none', response_mode: 'fragment' },
  'a signed response': { prompt: 'none', response_mode: 'jwt' },
};

describe('an application that has registered itself', () => {
  const shared = shareServer();
  let server: TestServer;
  const registerAt = async (...redirect_uris: string[]) => {
    const answer = await register(server, {
      ...DESCRIPTION,
      redirect_uris,
      post_logout_redirect_uris: [REDIRECT],
    });
    return answer.body;
  };
  const refusedAt = (client: { client_id: string }, params: Record<string, string | undefined>) =>
    new Browser(server.issuer).get(
      authorizeUrl(authorization(client, { redirect_uri: REDIRECT, ...params })),
    );
  before(() => {
    ({ server } = shared);
  });

  for (const [what, params] of Object.entries(REFUSED))
    test(`gets no visitor by a request with ${what}: the page names its host`, async () => {
      const client = await registerAt(REDIRECT, 'org.evil:/cb');
      const response = await refusedAt(client, params);
      assert.deepEqual([response.status, response.headers.get('location')], [400, null]);
      const html = await response.text();
      assert.match(html, /have not checked the application/);
      assert.doesNotMatch(html, /class="btn/);
      const link = /<a class="act" href="([^"]+)">Go on to evil\.example</.exec(html)?.[1];
      assert.equal(link !== undefined, params.response_mode === undefined);
      if (link) assert.ok(URL.parse(link.replaceAll('&amp;', '&'))?.searchParams.get('error'));
      const scheme = await refusedAt(client, { redirect_uri: 'org.evil:/cb', ...params });
      assert.equal(scheme.status, 400);
      assert.doesNotMatch(await scheme.text(), /href="org\.evil/);
    });

  test('gets the answers of users who have acted: denied, allowed, and prompt=none after that', async () => {
    const client = await registerAt(REDIRECT);
    const ada = await server.createAccount();
    const denied = await arriveInNewBrowser(server, client, ada);
    assert.equal(answerOf(await decide(denied.browser, denied.page, 'deny')).get('error'), 'access_denied');
    const allowed = await arriveInNewBrowser(server, client, ada);
    assert.ok(answerOf(await decide(allowed.browser, allowed.page, 'allow')).get('code'));
    const silent = (params: object) =>
      allowed.browser.get(authorizeUrl(authorization(client, { prompt: 'none', ...params })));
    assert.ok(answerOf(await silent({})).get('code'));
    assert.equal(answerOf(await silent({ scope: 'nothing' })).get('error'), 'invalid_scope');
  });

  test('gets errors at a loopback address, and so does one of a trusted registration anywhere', async () => {
    const loopback = await registerAt('http://127.0.0.1/cb');
    const redirect_uri = 'http://127.0.0.1:4711/cb';
    const answer = answerOf(await refusedAt(loopback, { redirect_uri, prompt: 'none' }));
    assert.equal(answer.get('error'), 'login_required');
    const { token } = await server.services.registrationTokens.create({ accountId: null }, {});
    const { body } = await register(server, { ...DESCRIPTION, redirect_uris: [REDIRECT] }, token);
    assert.equal(answerOf(await refusedAt(body, { prompt: 'none' })).get('error'), 'login_required');
  });

  test('gets no visitor by a sign-out without a session', async () => {
    const { client_id } = await registerAt(REDIRECT);
    const query = new URLSearchParams({ client_id, post_logout_redirect_uri: REDIRECT });
    const response = await new Browser(server.issuer).get(`/session/end?${query}`);
    assert.equal(response.status, 303);
    assert.equal(response.headers.get('location'), '/session/end/success');
    assert.match(await textOf(await new Browser(server.issuer).follow(response)), /You are signed out/);
  });

  for (const uri of ['search-ms:/x', 'ms-msdt:/x', 'smb:/x', 'c:/x'])
    test(`cannot be at ${uri}, which the system would open`, async () => {
      const { status } = await register(server, { ...DESCRIPTION, redirect_uris: [uri] });
      assert.equal(status, 400);
    });
});
