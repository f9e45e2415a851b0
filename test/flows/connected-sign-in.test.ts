import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { answerOf, authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import {
  addSignInGoogle,
  createLinked,
  leaveToSignIn,
  signInWithService,
  switchSignIn,
} from '../support/builders/connected-sign-in.ts';
import { connect, startGoogleFor } from '../support/builders/connections.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const OPERATOR = { accountId: null };

describe('signing in with a connected account', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const rows = (table: string) => shared.server.database.knex(table);

  test('requests only who the person is, keeps no token, and ends in the request of the application', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server);
    const ada = await createLinked(server, google, 'ada');
    const before = await rows('T_oauth_tokens');
    const client = await server.createClient({ firstParty: true });
    const request = authorization(client, { scope: 'openid' });
    const { browser, target } = await leaveToSignIn(server, { path: authorizeUrl(request) });
    const sent = target.searchParams;
    assert.equal(sent.get('scope'), 'openid email profile');
    assert.equal(sent.get('prompt'), 'select_account');
    assert.equal(sent.get('access_type'), null);
    assert.equal(sent.get('include_granted_scopes'), null);
    assert.equal(sent.get('code_challenge_method'), 'S256');
    assert.match(String(sent.get('nonce')), /^[\w-]{43}$/);
    const response = await fetch(target, { redirect: 'manual' });
    const back = new URL(String(response.headers.get('location')));
    const answer = await browser.follow(await browser.get(`${back.pathname}${back.search}`));
    const { body } = await redeem(server, client, request, answerOf(answer).get('code'));
    const claims = decodeJwt(String(body.id_token));
    assert.equal(claims.sub, ada.id);
    assert.equal(claims.acr, 'pwd');
    assert.deepEqual(claims.amr, ['fed']);
    assert.deepEqual(await rows('T_oauth_tokens'), before, 'the credential of the connection is unchanged');
    const [event] = await rows('T_auth_audit_log')
      .where({ action: 'sign_in.succeeded', account_id: ada.id })
      .whereLike('details', '%connection%');
    assert.equal(event.client_id, client.client_id);
    assert.notEqual((await rows('T_user_providers').first()).signed_in_at, null);
    assert.match(
      await textOf(await ada.browser.get('/account/activity')),
      /You signed in to Fieldnotes with your account at google/,
    );
    assert.match(
      await textOf(await ada.browser.get('/account/security')),
      /With your password and no second factor, or with your account at Google\./,
    );
    // Two mails left at once, in any order.
    await server.settled();
    assert.match(JSON.stringify(server.sink.mails), /can now be used to sign in/);
  });

  test('says the same for every account there that signs nobody in', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'second');
    const texts = new Set<string>();
    const tryAs = async (sub: string) => {
      google.knobs.user = { ...google.knobs.user, sub };
      const { page, browser } = await signInWithService(server, { service: 'second' });
      assert.equal(page.status, 401);
      texts.add((await textOf(page)).replace(/\/interaction\/[\w-]+/g, ''));
      assert.equal((await browser.get('/account/security')).status, 303, 'nobody is signed in');
    };
    // Its e-mail address is that of an account, and verified.
    await server.createAccount('bo');
    google.knobs.user = { sub: 'unknown', email: 'bo@harbour.example', name: 'Bo' };
    await tryAs('unknown');
    const cy = await createLinked(server, google, 'cy', { service: 'second' });
    await switchSignIn(server, cy.browser, { username: 'cy', service: 'second', value: 'off' });
    await tryAs('sub-cy');
    await createLinked(server, google, 'di', { service: 'second' });
    await server.accounts.disable(OPERATOR, 'di');
    await tryAs('sub-di');
    assert.equal(texts.size, 1, [...texts].join('\n'));
    const reasons = await rows('T_auth_audit_log')
      .where({ action: 'sign_in.failed' })
      .orderBy('id')
      .pluck('error_code');
    assert.deepEqual(reasons, ['unknown_identity', 'sign_in_not_allowed', 'disabled_account']);
    assert.equal((await rows('T_user_providers').where({ provider_user_id: 'unknown' })).length, 0);
  });

  test('is gone at once where the service does not allow it, or is disabled', async (t) => {
    const { server } = shared;
    const { services } = server.services.connections;
    const google = await addSignInGoogle(t, server, 'third');
    await createLinked(server, google, 'ed', { service: 'third' });
    const left = await leaveToSignIn(server, { service: 'third' });
    const response = await fetch(left.target, { redirect: 'manual' });
    const back = new URL(String(response.headers.get('location')));
    for (const end of ['disallow', 'disable'] as const) {
      if (end === 'disable') await services.disable(OPERATOR, 'third');
      else await services.update(OPERATOR, 'third', { change: { settings: { maySignIn: undefined } } });
      const late = await left.browser.follow(await left.browser.get(`${back.pathname}${back.search}`));
      assert.ok(late.status === 403 || late.status === 404, String(late.status));
      assert.equal((await left.browser.get('/account/security')).status, 303);
      const again = await left.browser.post(`${left.at}/sign-in-with`, { service: 'third' });
      assert.equal(again.status, 403);
    }
    assert.equal(google.counts.codes, 1, 'only that of the connection');
  });

  test('has a switch for its owner alone, after a recent sign-in', async (t) => {
    const { server } = shared;
    const google = await startGoogleFor(t, server, 'fourth');
    google.knobs.user = { ...google.knobs.user, sub: 'sub-flo' };
    const flo = await server.createAccount('flo');
    const { browser } = await visit(server, flo, '/account/connections');
    await connect(browser, 'fourth');
    assert.doesNotMatch(await (await browser.get('/account/connections/fourth')).text(), /Sign in with it/);
    const options = { username: 'flo', service: 'fourth' };
    await assert.rejects(switchSignIn(server, browser, options), /no form/);
  });

  test('is no answer to the question whether a signed-in user is still there', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fifth');
    const gus = await createLinked(server, google, 'gus', { service: 'fifth' });
    const { browser, page } = await signInWithService(server, { service: 'fifth' });
    assert.equal(page.status, 200);
    const asked = await switchSignIn(server, browser, { username: 'gus', service: 'fifth', value: 'off' });
    const login = await browser.follow(asked);
    const text = await textOf(login.clone());
    assert.match(text, /Confirm it is you to no longer sign in with your account at Google/);
    assert.doesNotMatch(text, /Continue with/);
    assert.ok(gus.id);
  });
});
