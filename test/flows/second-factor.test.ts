import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { accountPlace, authenticate, newcomer, register, signInPage } from '../support/builders/passkey.ts';
import {
  afterPassword,
  codeOf,
  land,
  pathOf,
  secondFactorOf,
  sendCode,
  sessions,
  withApp,
} from '../support/builders/second-factor.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

describe('the second factor', () => {
  test('a code from the app follows the password, works once, and no session exists before it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const secret = await withApp(server, ada);
    const { browser, request, next } = await afterPassword(server, client);
    assert.match(await next.clone().text(), /Enter your code/);
    assert.equal(await sessions(server, ada.id), 0);
    // Skipping ahead to the engine or to one of our pages does not sign in.
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
    assert.match(await replayed.clone().text(), /That code did not work/);
    assert.equal((await sendCode(third.browser, replayed, codeOf(secret, -1))).status, 401, 'an older code');
    assert.ok(request);
  });

  test('a security key without user verification works after the password, not alone', async (t) => {
    const server = await startServer(t, 'sqlite');
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
    const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
    const second = { csrf, interaction, purpose: 'second_factor' };
    const stranger = await newcomer(server, 'eve');
    assert.equal((await authenticate(next, second, stranger.key)).status, 401, 'another person’s key');
    // A key that is created here would bypass the one that is asked for.
    assert.equal((await register(next, { csrf, interaction }, new Authenticator(server.issuer))).status, 403);
    assert.equal(await sessions(server, ada.id), before);
    const done = await authenticate(next, second, key, { uv: false, userHandle: null });
    assert.equal(done.status, 200);
    const consent = await next.follow(await next.get(pathOf(done.body.location)));
    const claims = await land(server, client, next, request, consent);
    assert.deepEqual(claims.amr, ['pwd', 'hwk', 'mfa']);
    assert.equal(claims.acr, 'phr');
  });

  test('a sign-in with a recovery code can sign out everywhere else', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const secret = await withApp(server, ada);
    const codes = await secondFactorOf(server).recoveryCodes.create(ada.id);
    const lost = await afterPassword(server, client);
    await land(
      server,
      client,
      lost.browser,
      lost.request,
      await sendCode(lost.browser, lost.next, codeOf(secret)),
    );
    const half = await afterPassword(server, client);

    const { browser, request, next } = await afterPassword(server, client);
    const page = await browser.follow(await browser.get(`${new URL(next.url).pathname}?with=recovery`));
    const { action, fields } = await formOf(page);
    const wrong = await browser.post(action, { ...fields, code: 'x', end: 'on' });
    assert.equal(wrong.status, 401);
    assert.equal((await lost.browser.get('/account/security')).status, 200, 'a wrong code ends no session');
    const form = { ...fields, code: String(codes[0]), end: 'on' };
    await land(server, client, browser, request, await browser.follow(await browser.post(action, form)));
    assert.equal((await browser.get('/account/security')).status, 200);
    assert.equal((await lost.browser.get('/account/security')).status, 303);
    const late = await sendCode(half.browser, half.next, String(codes[1]));
    assert.equal(late.status, 400, 'a sign-in that began before has ended');
  });

  test('a recovery code works once, for its owner', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const eve = await server.createAccount('eve');
    await withApp(server, ada);
    const { recoveryCodes } = secondFactorOf(server);
    const earlier = await recoveryCodes.create(ada.id);
    const codes = await recoveryCodes.create(ada.id);
    const foreign = await recoveryCodes.create(eve.id);
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
    assert.equal(await recoveryCodes.countUnused(ada.id), 9);
    await server.settled();
    assert.equal(server.sink.mails.filter(({ subject }) => subject === 'A recovery code was used').length, 1);
    const both = await Promise.all([1, 2].map(() => recoveryCodes.consume(ada.id, String(codes[4]))));
    assert.deepEqual(both.toSorted(), [false, true]);
    assert.equal(await recoveryCodes.consume(ada.id, String(codes[3])), false);
  });
});

for (const engine of engines) {
  describe(`the second factor on ${engine}`, () => {
    test('the same code sent 20 times at once works once; at most five wrong codes are checked', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const secret = await withApp(server, ada);
      const { totp } = secondFactorOf(server);
      const code = codeOf(secret);
      const all = await Promise.all(Array.from({ length: 20 }, () => totp.verify(ada.id, code)));
      assert.equal(all.filter(Boolean).length, 1);
      const unlocked = { failed_code_attempts: 0, codes_locked_until: null };
      await server.database.knex('T_accounts').update(unlocked);
      const { browser, next } = await afterPassword(server, client);
      let page = next;
      const wrong = String((Number(codeOf(secret, 1)) + 1) % 1_000_000).padStart(6, '0');
      for (let guess = 0; guess < 5; guess += 1) page = await sendCode(browser, page, wrong);
      assert.equal((await sendCode(browser, page, codeOf(secret, 1))).status, 401);
      await server.database.knex('T_accounts').update({ codes_locked_until: new Date(Date.now() - 1) });
      assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), true);
      const sealed = (await server.database.knex('T_totp_secrets').first('secret_sealed')).secret_sealed;
      assert.match(sealed, /^v1\./);
    });
  });
}
