import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, redeem, walk } from '../support/builders/authorization.ts';
import {
  accountPlace,
  authenticate,
  newcomer,
  register,
  signInPage,
  typePassword,
} from '../support/builders/passkey.ts';
import {
  afterPassword,
  afterRecoveryCodes,
  claimsOf,
  codeOf,
  land,
  pathOf,
  secondFactorOf,
  sendCode,
  sessions,
} from '../support/builders/second-factor.ts';
import { startServer } from '../support/server.ts';

describe('step-up', () => {
  test('acr_values asks for a stronger sign-in, once; without a factor the ID token states the weaker one', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { browser, request, next } = await afterPassword(server, client, { acr_values: 'mfa' });
    const claims = await land(server, client, browser, request, next);
    assert.deepEqual([claims.acr, claims.amr], ['pwd', ['pwd']]);
    assert.equal(ada.username, 'ada');
  });

  test('a session by password is asked for the passkey, and not again', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const browser = new Browser(server.issuer);
    await walk(browser, authorization(client), ada);
    const key = new Authenticator(server.issuer);
    key.backup = { be: true, bs: true };
    await register(browser, await accountPlace(server, ada.id), key);

    const silent = await browser.get(
      authorizeUrl(authorization(client, { acr_values: 'phr', prompt: 'none' })),
    );
    assert.equal(answerOf(silent).get('error'), 'unmet_authentication_requirements');
    const { request, place } = await signInPage(server, client, { acr_values: 'phr' }, browser);
    const done = await authenticate(browser, place, key);
    const end = await browser.follow(await browser.get(pathOf(done.body.location)));
    const tokens = await redeem(server, client, request, answerOf(end).get('code'));
    const claims = claimsOf(tokens.body.id_token);
    assert.deepEqual([claims.acr, claims.amr], ['phr', ['swk', 'user', 'mfa']]);

    for (const acr_values of ['phr', 'mfa', 'pwd', 'phr unknown', 'unknown']) {
      const answer = await browser.get(authorizeUrl(authorization(client, { acr_values, prompt: 'none' })));
      assert.ok(answerOf(answer).get('code'), acr_values);
    }
    const old = authorization(client, { max_age: '0', prompt: 'none' });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(answerOf(await browser.get(authorizeUrl(old))).get('error'), 'login_required');
  });

  test('an essential acr that cannot be reached gets an error, not a loop', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    await server.createAccount();
    const claims = (value: object) => JSON.stringify({ id_token: { acr: { essential: true, ...value } } });
    for (const asked of [{ value: 'phr' }, { values: ['mfa', 'phr'] }, { value: 'unknown' }]) {
      const { next } = await afterPassword(server, client, { claims: claims(asked) });
      assert.equal(answerOf(next).get('error'), 'unmet_authentication_requirements');
    }
    const { next } = await afterPassword(server, client, { claims: claims({ values: ['unknown', 'pwd'] }) });
    assert.match(await next.text(), /Allow/);
  });
});

describe('a second factor that the operator requires', () => {
  test('is set up at the next sign-in, and no session exists before', async (t) => {
    const secondFactor = { everyone: true, scopes: [], roles: [] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { browser, request, next } = await afterPassword(server, client);
    const html = await next.clone().text();
    assert.match(html, /Set up a second factor/);
    assert.equal(await sessions(server, ada.id), 0);
    const secret = /class="mono">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';
    const again = await sendCode(browser, next, '000000');
    assert.equal(again.status, 401);
    assert.ok(
      (await again.clone().text()).replaceAll(' ', '').includes(secret),
      'a mistyped code keeps the secret',
    );
    const consent = await afterRecoveryCodes(browser, await sendCode(browser, again, codeOf(secret)));
    const claims = await land(server, client, browser, request, consent);
    assert.deepEqual([claims.acr, claims.amr], ['mfa', ['pwd', 'otp', 'mfa']]);
    const { next: later } = await afterPassword(server, client);
    assert.match(await later.text(), /Enter your code/);
  });

  test('may be a passkey that is created there; a passkey alone is enough', async (t) => {
    const secondFactor = { everyone: false, scopes: [], roles: ['treasurer'] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { next: plain } = await afterPassword(server, client);
    assert.match(await plain.text(), /Allow/);
    await server.database.knex('T_account_roles').insert({
      id: ada.id,
      created_at: new Date(),
      account_id: ada.id,
      role: 'treasurer',
    });
    const { browser, request, next } = await afterPassword(server, client);
    const html = await next.text();
    assert.match(html, /Set up a second factor/);
    const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
    const key = new Authenticator(server.issuer);
    const done = await register(browser, { csrf, interaction }, key);
    const codes = await browser.get(pathOf(done.body.location));
    const claims = await land(server, client, browser, request, await afterRecoveryCodes(browser, codes));
    assert.deepEqual([claims.acr, claims.amr], ['phr', ['pwd', 'hwk', 'mfa']]);
    const again = await signInPage(server, client);
    const alone = await authenticate(again.browser, again.place, key);
    const end = await again.browser.follow(await again.browser.get(pathOf(alone.body.location)));
    assert.ok(answerOf(end).get('code'));
  });

  test('for a scope is required when the scope is requested, also of a signed-in user', async (t) => {
    const secondFactor = { everyone: false, scopes: ['billing:*'], roles: [] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const client = await server.createClient({ scope: 'openid profile email billing:read' });
    const ada = await server.createAccount('ada', 'openid profile email billing:*');
    const browser = new Browser(server.issuer);
    const end = await walk(browser, authorization(client), ada);
    assert.ok(answerOf(end).get('code'));
    const silent = authorization(client, { scope: 'openid billing:read', prompt: 'none' });
    assert.equal(answerOf(await browser.get(authorizeUrl(silent))).get('error'), 'login_required');
    const { next } = await afterPassword(server, client, { scope: 'openid billing:read' });
    assert.match(await next.text(), /Set up a second factor/);
  });
});

describe('a second factor that the application requests is asked for at every prompt', () => {
  const REQUESTS = {
    acr_values: { acr_values: 'mfa' },
    claims: { claims: JSON.stringify({ id_token: { acr: { essential: true, value: 'mfa' } } }) },
  };
  for (const [by, params] of Object.entries(REQUESTS))
    for (const prompt of ['login', 'create', 'select_account'])
      test(`by ${by}, with prompt=${prompt}`, async (t) => {
        const server = await startServer(t, 'sqlite');
        const client = await server.createClient();
        const ada = await server.createAccount();
        const [code] = await secondFactorOf(server).recoveryCodes.create(ada.id);
        const browser = new Browser(server.issuer);
        const request = authorization(client, { prompt, ...params });
        const first = await browser.follow(await browser.get(authorizeUrl(request)));
        const [, uid] = new URL(first.url).pathname.split('/interaction/');
        const [id] = String(uid).split('/');
        const login = await browser.get(`/interaction/${id}?step=sign-in`);
        const asked = await browser.follow(await typePassword(browser, login, ada));
        assert.match(await asked.clone().text(), /Use a recovery code/);
        const consent = await sendCode(browser, asked, String(code));
        assert.equal((await land(server, client, browser, request, consent)).acr, 'mfa');
      });
});

test('a rule for a scope also holds for a scope that includes it', async (t) => {
  const secondFactor = { everyone: false, scopes: ['reports.read'], roles: [] };
  const server = await startServer(t, 'sqlite', { config: { secondFactor } });
  const client = await server.createClient({ scope: 'openid reports mail.read' });
  await server.createAccount('ada', 'openid reports mail.read');
  for (const [scope, expected] of [
    ['openid reports', /Set up a second factor/],
    ['openid reports.read', /Set up a second factor/],
    ['openid mail.read', /Allow/],
  ] as const) {
    const { next } = await afterPassword(server, client, { scope });
    assert.match(await next.text(), expected, scope);
  }
});

describe('a passkey counter that did not go up', () => {
  for (const counter of ['warn', 'second_factor'] as const) {
    test(`is handled by the policy ${counter}`, async (t) => {
      const passkeys = {
        counter,
        aaguids: [],
        rootCertificates: [],
        names: new Map(),
        relatedOrigins: [],
      };
      const server = await startServer(t, 'sqlite', { config: { passkeys } });
      const client = await server.createClient();
      const { id, key } = await newcomer(server, 'mei');
      const copy = key.clone();
      const come = async (device: Authenticator) => {
        const { browser, place } = await signInPage(server, client);
        return { browser, answer: await authenticate(browser, place, device) };
      };
      assert.equal((await come(key)).answer.status, 200);
      const { browser, answer } = await come(copy);
      const audit = server.database.knex('T_auth_audit_log').where({ account_id: id });
      if (counter === 'warn') assert.doesNotMatch(String(answer.body.location), /second-factor/);
      else {
        assert.equal(answer.status, 401);
        assert.match(String(answer.body.title), /no other factor/);
        await secondFactorOf(server).recoveryCodes.create(id);
        const copied = await come(key.clone());
        // The original key continues to count; only the copy does not.
        assert.equal(copied.answer.status, 200);
        const again = await come(copy);
        const page = await again.browser.follow(await again.browser.get(pathOf(again.answer.body.location)));
        assert.match(await page.text(), /second-factor/);
      }
      assert.ok((await audit.clone().pluck('action')).includes('passkey.counter_regressed'));
      assert.ok(browser);
    });
  }
});
