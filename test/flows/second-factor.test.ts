import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { engines } from '../support/engines.ts';
import {
  accountPlace,
  authenticate,
  newcomer,
  register,
  signInPage,
  typePassword,
} from '../support/passkeys.ts';
import { answerOf, authorization, authorizeUrl, redeem, walk } from '../support/relying-party.ts';
import { codeOf, secondFactorOf, withApp } from '../support/second-factor.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

type Client = Awaited<ReturnType<TestServer['createClient']>>;

/** What the ID token says. */
const claimsOf = (token: string | undefined) =>
  JSON.parse(Buffer.from(String(token?.split('.')[1]), 'base64url').toString());

/** At the page where the browser is led after the password. */
async function afterPassword(server: TestServer, client: Client, params: Record<string, string> = {}) {
  const browser = new Browser(server.issuer);
  const request = authorization(client, params);
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  const person = { username: 'ada', password: PASSWORD };
  const next = await browser.follow(await typePassword(browser, page, person));
  return { browser, request, next };
}

const sendCode = async (browser: Browser, page: Response, code: string) => {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, code }));
};

/** Allows, and reads what the application is told. */
async function land(
  server: TestServer,
  client: Client,
  browser: Browser,
  request: ReturnType<typeof authorization>,
  page: Response,
) {
  const { action, fields } = await formOf(page);
  const end = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
  const tokens = await redeem(server, client, request, answerOf(end).get('code'));
  return claimsOf(tokens.body.id_token);
}

const sessions = async (server: TestServer, accountId: string) =>
  (await server.database.knex('T_user_sessions').where({ account_id: accountId })).length;

const pathOf = (location: string | undefined) => new URL(String(location), 'http://x').pathname;

for (const engine of engines) {
  describe(`the second factor on ${engine}`, () => {
    test('a code of the app follows the password, is good once, and no session comes before it', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const secret = await withApp(server, ada);
      const { browser, request, next } = await afterPassword(server, client);
      assert.match(await next.clone().text(), /Enter your code/);
      assert.equal(await sessions(server, ada.id), 0);
      // Jumping on to the engine, or to a page of ours, gives nothing.
      const uid = /interaction\/([\w-]+)/.exec(await next.clone().text())?.[1];
      const jump = await browser.get(`/auth/${uid}`);
      assert.doesNotMatch(String(jump.headers.get('location')), /code=/);
      assert.equal(await sessions(server, ada.id), 0);

      const again = await afterPassword(server, client);
      const code = codeOf(secret);
      const consent = await sendCode(again.browser, again.next, code);
      const claims = await land(server, client, again.browser, again.request, consent);
      assert.deepEqual(claims.amr, ['pwd', 'otp', 'mfa']);
      assert.equal(claims.acr, 'mfa');
      assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 60);

      const third = await afterPassword(server, client);
      const replayed = await sendCode(third.browser, third.next, code);
      assert.equal(replayed.status, 401);
      assert.match(await replayed.clone().text(), /That code is not right, was used before/);
      assert.equal((await sendCode(third.browser, replayed, codeOf(secret, -1))).status, 401, 'an older one');
      assert.ok(request);
    });

    test('the same code sent 20 times at once is good once; five guesses, and no more are looked at', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const secret = await withApp(server, ada);
      const { totp } = secondFactorOf(server);
      const code = codeOf(secret);
      const all = await Promise.all(Array.from({ length: 20 }, () => totp.verify(ada.id, code)));
      assert.equal(all.filter(Boolean).length, 1);
      await server.database.knex('T_totp_secrets').update({ guesses: 0 });
      const { browser, next } = await afterPassword(server, client);
      let page = next;
      const wrong = String((Number(codeOf(secret, 1)) + 1) % 1_000_000).padStart(6, '0');
      for (let guess = 0; guess < 5; guess += 1) page = await sendCode(browser, page, wrong);
      assert.equal((await sendCode(browser, page, codeOf(secret, 1))).status, 401);
      await server.database.knex('T_totp_secrets').update({ guesses_expire_at: new Date(Date.now() - 1) });
      assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), true);
      const sealed = (await server.database.knex('T_totp_secrets').first('secret_sealed')).secret_sealed;
      assert.match(sealed, /^v1\./);
    });

    test('a security key without user verification follows the password, and does not stand alone', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(client), ada);
      const key = new Authenticator(server.issuer);
      const place = { ...(await accountPlace(server, ada.id)), ceremony: 'security_key' };
      const added = await register(browser, place, key, { uv: false, transports: ['usb'] });
      assert.equal(added.body.is_signed, true);

      const alone = await signInPage(server, client);
      assert.equal((await authenticate(alone.browser, alone.place, key)).status, 401);
      const first = { ...alone.place, purpose: 'second_factor' };
      assert.equal((await authenticate(alone.browser, first, key)).status, 400, 'before the password');

      const before = await sessions(server, ada.id);
      const { browser: next, request, next: page } = await afterPassword(server, client);
      const html = await page.text();
      assert.match(html, /Use your security key/);
      const [, csrf = '', interaction = ''] =
        /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
      const second = { csrf, interaction, purpose: 'second_factor' };
      const stranger = await newcomer(server, 'eve');
      assert.equal((await authenticate(next, second, stranger.key)).status, 401, 'another person’s key');
      // A new key made here would go around the one that is asked for.
      assert.equal(
        (await register(next, { csrf, interaction }, new Authenticator(server.issuer))).status,
        403,
      );
      assert.equal(await sessions(server, ada.id), before);
      const done = await authenticate(next, second, key, { uv: false, userHandle: null });
      assert.equal(done.status, 200);
      const consent = await next.follow(await next.get(pathOf(done.body.location)));
      const claims = await land(server, client, next, request, consent);
      assert.deepEqual(claims.amr, ['pwd', 'hwk', 'mfa']);
      assert.equal(claims.acr, 'phr');
    });

    test('a recovery code lets in once, for its owner', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const eve = await server.createAccount('eve');
      await withApp(server, ada);
      const { recoveryCodes } = secondFactorOf(server);
      const earlier = await recoveryCodes.make(ada.id);
      const codes = await recoveryCodes.make(ada.id);
      const foreign = await recoveryCodes.make(eve.id);
      assert.equal(new Set(codes).size, 10);
      const rows = JSON.stringify(await server.database.knex('T_recovery_codes'));
      for (const code of codes) assert.ok(!rows.includes(code) && !rows.includes(code.replaceAll('-', '')));

      const { browser, request, next } = await afterPassword(server, client);
      let page = next;
      for (const bad of [earlier[0], foreign[0], 'x', '']) {
        page = await sendCode(browser, page, String(bad));
        assert.ok([200, 401].includes(page.status));
        assert.match(await page.clone().text(), /There is a problem/);
      }
      const consent = await sendCode(browser, page, String(codes[3]).toLowerCase().replaceAll('-', ' '));
      const claims = await land(server, client, browser, request, consent);
      assert.deepEqual(claims.amr, ['pwd', 'otp', 'mfa']);
      assert.equal(await recoveryCodes.left(ada.id), 9);
      const both = await Promise.all([1, 2].map(() => recoveryCodes.consume(ada.id, String(codes[4]))));
      assert.deepEqual(both.toSorted(), [false, true]);
      assert.equal(await recoveryCodes.consume(ada.id, String(codes[3])), false);
    });
  });
}

describe('step-up', () => {
  test('acr_values leads to a stronger sign-in, once; without a factor the application sees what it was', async (t) => {
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

  test('an essential acr that cannot be had is an error, and no loop', async (t) => {
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

describe('a second factor that the administrator demands', () => {
  test('is set up at the next sign-in, and no session comes before it', async (t) => {
    const secondFactor = { everyone: true, scopes: [], roles: [] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { browser, request, next } = await afterPassword(server, client);
    const html = await next.clone().text();
    assert.match(html, /Set up a second factor/);
    assert.equal(await sessions(server, ada.id), 0);
    const secret = /class="mono">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';
    const consent = await sendCode(browser, next, codeOf(secret));
    const claims = await land(server, client, browser, request, consent);
    assert.deepEqual([claims.acr, claims.amr], ['mfa', ['pwd', 'otp', 'mfa']]);
    const { next: later } = await afterPassword(server, client);
    assert.match(await later.text(), /Enter your code/);
  });

  test('may be a passkey, made there; a passkey needs nothing more', async (t) => {
    const secondFactor = { everyone: false, scopes: [], roles: ['treasurer'] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { next: plain } = await afterPassword(server, client);
    assert.match(await plain.text(), /Allow/);
    await server.database.knex('T_account_roles').insert({
      ...{ id: ada.id, created_at: new Date(), account_id: ada.id, role: 'treasurer' },
    });
    const { browser, request, next } = await afterPassword(server, client);
    const html = await next.text();
    assert.match(html, /Set up a second factor/);
    const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
    const key = new Authenticator(server.issuer);
    const done = await register(browser, { csrf, interaction }, key);
    const consent = await browser.follow(await browser.get(pathOf(done.body.location)));
    const claims = await land(server, client, browser, request, consent);
    assert.deepEqual([claims.acr, claims.amr], ['phr', ['pwd', 'hwk', 'mfa']]);
    const again = await signInPage(server, client);
    const alone = await authenticate(again.browser, again.place, key);
    const end = await again.browser.follow(await again.browser.get(pathOf(alone.body.location)));
    assert.match(await end.text(), /Allow/);
  });

  test('for a scope is asked for when that is asked for, also of who is signed in', async (t) => {
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

describe('a counter that did not go up', () => {
  for (const counter of ['warn', 'second_factor'] as const) {
    test(`by the policy ${counter}`, async (t) => {
      const passkeys = { counter, aaguids: [], namesFile: undefined, relatedOrigins: [] };
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
        await secondFactorOf(server).recoveryCodes.make(id);
        const copied = await come(key.clone());
        // The original goes on counting: only the copy stands still.
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
