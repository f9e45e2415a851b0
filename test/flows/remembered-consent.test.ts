import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import {
  arrive,
  arriveInNewBrowser,
  begin,
  decide,
  isAsked,
  listedOn,
  OFFLINE,
} from '../support/builders/consent.ts';
import { OPERATOR } from '../support/builders/invitation.ts';

const SIGNED_IN = 'Know who you are when you sign in, and your roles in this application';
const PROFILE = 'See your profile, such as your name, username, picture, language and time zone';
const EMAIL = 'See your e-mail address';

describe('remembered consent', () => {
  test('a new session is asked only for what is new, and by name', async (t) => {
    const { server, client, ada } = await begin(t);
    const first = await arriveInNewBrowser(server, client, ada, { scope: 'openid profile' });
    assert.deepEqual(await listedOn(first.page), { asked: [SIGNED_IN, PROFILE], before: [] });
    await decide(first.browser, first.page, 'allow');
    assert.equal(await isAsked(server, client, ada, { scope: 'profile openid' }), false);
    assert.equal(await isAsked(server, client, ada, { scope: 'openid' }), false);

    const more = await arriveInNewBrowser(server, client, ada, { scope: 'openid profile email' });
    assert.deepEqual(await listedOn(more.page), { asked: [EMAIL], before: [SIGNED_IN, PROFILE] });
    const html = await more.page.clone().text();
    assert.match(html, /It will also be able to/);
    assert.match(html, /It has no access while you are away/);
    assert.equal((await server.database.knex('T_grants')).length, 3, 'nothing is granted before the answer');
    const answer = answerOf(await decide(more.browser, more.page, 'allow'));
    const { body } = await redeem(server, client, more.request, answer.get('code'));
    assert.equal(body.scope, 'openid profile email');
    assert.equal(await isAsked(server, client, ada, { scope: 'openid profile email' }), false);
  });

  test('another account and another application are asked by themselves', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada);
    assert.equal(await isAsked(server, client, await server.createAccount('mei')), true);
    assert.equal(await isAsked(server, await server.createClient(), ada), true);
  });

  test('offline access is asked for once, with its sentence, and then comes without a question', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada, { scope: 'openid' });
    const { page, browser } = await arriveInNewBrowser(server, client, ada, OFFLINE);
    const html = await page.clone().text();
    assert.match(html, /It keeps this access when you are not signed in\./);
    assert.doesNotMatch(html, /be able to/, 'nothing else is new');
    assert.match(html, /You have already allowed it to/);
    await decide(browser, page, 'allow');
    const later = await arriveInNewBrowser(server, client, ada, OFFLINE);
    const code = answerOf(later.page).get('code');
    assert.ok((await redeem(server, client, later.request, code)).body.refresh_token);
    const silent = authorization(client, { ...OFFLINE, prompt: 'none' });
    const again = answerOf(await browser.get(authorizeUrl(silent)));
    assert.ok((await redeem(server, client, silent, again.get('code'))).body.refresh_token);
  });

  test('offline access is neither asked for nor given without the grant type refresh_token', async (t) => {
    const { server, client, ada } = await begin(t, { grantTypes: ['authorization_code'] });
    const { page, browser, request } = await arriveInNewBrowser(server, client, ada, OFFLINE);
    assert.match(await page.clone().text(), /It has no access while you are away/);
    const code = answerOf(await decide(browser, page, 'allow')).get('code');
    const { body } = await redeem(server, client, request, code);
    assert.deepEqual([body.scope, body.refresh_token], ['openid', undefined]);
  });

  test('a first-party application gets offline access without a question, and nothing is remembered', async (t) => {
    const { server, client, ada } = await begin(t, { firstParty: true });
    const { page, request, browser } = await arriveInNewBrowser(server, client, ada, OFFLINE);
    const { body } = await redeem(server, client, request, answerOf(page).get('code'));
    browser.cookies.clear();
    assert.equal((await refresh(server, client, body.refresh_token)).status, 200);
    await signInWith(server, client, ada, { ...OFFLINE, prompt: 'consent' });
    assert.deepEqual(await server.database.knex('T_consents'), []);
  });

  test('prompt=consent always asks and lists everything; a denial there leaves what was allowed', async (t) => {
    const { server, client, ada } = await begin(t);
    const { browser: signedIn } = await signInWith(server, client, ada);
    for (const browser of [signedIn, new Browser(server.issuer)]) {
      const page = await arrive(browser, authorization(client, { prompt: 'consent' }), ada);
      assert.deepEqual(await listedOn(page), { asked: [SIGNED_IN, PROFILE, EMAIL], before: [] });
      assert.equal(answerOf(await decide(browser, page, 'deny')).get('error'), 'access_denied');
    }
    assert.equal((await server.database.knex('T_grants')).length, 1, 'nothing is granted before the answer');
    assert.equal(await isAsked(server, client, ada), false);
  });

  test('prompt=none succeeds in a session that is new to the application, unless something is new', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada, { scope: 'openid profile' });
    const other = await server.createClient({ firstParty: true });
    const { browser } = await signInWith(server, other, ada);
    const ask = async (scope: string) =>
      answerOf(await browser.get(authorizeUrl(authorization(client, { scope, prompt: 'none' }))));
    assert.equal((await ask('openid profile email')).get('error'), 'consent_required');
    assert.ok((await ask('openid profile')).get('code'));
    assert.equal((await ask('openid email')).get('error'), 'consent_required');
  });

  test('single claims are remembered, too', async (t) => {
    const { server, client, ada } = await begin(t);
    const claims = (...names: string[]) =>
      JSON.stringify({ userinfo: Object.fromEntries(names.map((name) => [name, null])) });
    await signInWith(server, client, ada, { scope: 'openid', claims: claims('name') });
    assert.equal(await isAsked(server, client, ada, { scope: 'openid', claims: claims('name') }), false);
    const asked = { scope: 'openid', claims: claims('name', 'email') };
    const { page, browser } = await arriveInNewBrowser(server, client, ada, asked);
    assert.deepEqual(await listedOn(page), { asked: [EMAIL], before: [SIGNED_IN, 'See your name'] });
    await decide(browser, page, 'allow');
    // A scope is more than the claim of the same name.
    const scope = authorization(client, { scope: 'openid email' });
    assert.deepEqual(await listedOn(await arrive(browser, scope, ada)), {
      asked: [EMAIL],
      before: [SIGNED_IN],
    });
  });

  test('a token has no scope that the account or the application lost, and nobody is asked for it', async (t) => {
    const { server, client, ada } = await begin(t);
    const { knex } = server.database;
    const setCeiling = (scope: string) =>
      knex('T_accounts')
        .where({ id: ada.id })
        .update({ scopes: JSON.stringify(scope.split(' ')) });
    const scopeOf = async (scope: string) => {
      const { page, request } = await arriveInNewBrowser(server, client, ada, { scope });
      return (await redeem(server, client, request, answerOf(page).get('code'))).body.scope;
    };
    await setCeiling('openid profile');
    const { tokens } = await signInWith(server, client, ada);
    assert.equal(tokens.body.scope, 'openid profile');
    assert.equal(await scopeOf('openid profile email'), 'openid profile', 'email is beyond the ceiling');
    await setCeiling('openid');
    assert.equal(await scopeOf('openid profile email'), 'openid');
    await setCeiling('openid profile email');
    const { page } = await arriveInNewBrowser(server, client, ada);
    assert.deepEqual(await listedOn(page), { asked: [EMAIL], before: [SIGNED_IN, PROFILE] });
    await server.clients.update(OPERATOR, client.client_id, { scope: 'openid' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await scopeOf('openid profile email'), 'openid');
  });

  test('a public application that another program could pretend to be is asked about in each session', async (t) => {
    const { server, ada } = await begin(t);
    const addresses: [Partial<ClientInput>, boolean][] = [
      [{ public: true, redirectUris: ['https://scribe.example/cb'] }, false],
      [{ redirectUris: ['http://127.0.0.1:7000/cb'] }, false],
      [{ public: true, redirectUris: ['http://127.0.0.1:7000/cb'] }, true],
      [{ public: true, redirectUris: ['http://127.0.0.1/cb'] }, true],
      [{ public: true, redirectUris: ['http://nas.local/cb'] }, true],
      [{ public: true, redirectUris: ['com.example.scribe:/cb'] }, true],
      [{ redirectUris: ['com.example.scribe:/cb'] }, true],
      [{ public: true, redirectUris: [], displayCode: true }, true],
    ];
    for (const [input, expected] of addresses) {
      const client = await server.createClient(input);
      const { page, browser } = await arriveInNewBrowser(server, client, ada, OFFLINE);
      await decide(browser, page, 'allow');
      const redirect_uri = (client.redirect_uris as string[])[0] as string;
      const asked = await isAsked(server, client, ada, { ...OFFLINE, redirect_uri });
      assert.equal(asked, expected, JSON.stringify(input));
    }
  });
});
