import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { accountPlace, authenticate, placeOf, register, signInPage } from '../support/builders/passkey.ts';
import { forgot, openLink } from '../support/builders/password-reset.ts';
import { codeOf, secondFactorOf, sendCode, withApp } from '../support/builders/second-factor.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';
const WRONG = 'AAAAA-AAAAA-AAAAA-AAAAA';

/** Signs in with the password, up to the page that asks for the second factor. */
const atSecondFactor = (
  server: TestServer,
  person: { username: string; password: string },
  browser?: Browser,
) => visit(server, person, SECURITY, browser);

async function begin(t: TestContext, engine: EngineName) {
  const server = await startServer(t, engine);
  const ada = await server.createAccount();
  const secret = await withApp(server, ada);
  const recoveryCodes = await secondFactorOf(server).recoveryCodes.create(ada.id);
  const account = () => server.database.knex('T_accounts').where({ id: ada.id });
  const failed = async () => Number((await account().first()).failed_code_attempts);
  const unlock = () => account().update({ codes_locked_until: null });
  return { server, ada, secret, recoveryCodes, account, failed, unlock };
}

/** A second server with the database and the issuer of the first. */
const beside = (t: TestContext, { storage, issuer }: TestServer) =>
  startServer(t, storage.engine, { storage, config: { issuer } });

for (const engine of engines) {
  describe(`wrong codes on ${engine}`, () => {
    test('lock the codes of the account after five, of the app and recovery codes together, on every server', async (t) => {
      const { server, ada, secret, recoveryCodes, failed, unlock } = await begin(t, engine);
      const other = await beside(t, server);
      const both = [secondFactorOf(server), secondFactorOf(other)];
      const guesses = Array.from({ length: 40 }, (_, index) => {
        const { totp, recoveryCodes: codes } = both[index % 2] ?? secondFactorOf(server);
        return index % 4 < 2 ? totp.verify(ada.id, '000000') : codes.consume(ada.id, WRONG);
      });
      // On a busy machine some wait too long for a connection: 503.
      const answers = await Promise.allSettled(guesses);
      assert.ok(answers.every((answer) => answer.status === 'rejected' || !answer.value));
      assert.ok((await failed()) <= 5);
      for (let guess = 0; guess < 5; guess += 1) await both[guess % 2]?.totp.verify(ada.id, '000000');
      assert.equal(await failed(), 5);
      for (const { totp, recoveryCodes: codes } of both) {
        assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), false, 'the right code');
        assert.equal(await codes.consume(ada.id, String(recoveryCodes[0])), false, 'a right recovery code');
      }
      const { browser, page } = await atSecondFactor(server, ada);
      const refused = await sendCode(browser, page, codeOf(secret, 1));
      assert.equal(refused.status, 401);
      assert.match(await textOf(refused), /Too many wrong codes were entered/);
      await unlock();
      for (let times = 0; times < 5; times += 1) await both[0]?.totp.verify(ada.id, '000000');
      assert.equal(await failed(), 10);
      assert.equal(
        await both[1]?.totp.verify(ada.id, codeOf(secret, 1)),
        false,
        'the lock comes after each five',
      );
    });

    test('lock longer each time, and after 100 nothing is verified until the account is unlocked', async (t) => {
      const { server, ada, secret, account, failed, unlock } = await begin(t, engine);
      const { totp } = secondFactorOf(server);
      const minutes = async () => {
        const { codes_locked_until } = await account().first();
        return Math.round((new Date(codes_locked_until).getTime() - Date.now()) / 60_000);
      };
      const locks: number[] = [];
      for (let times = 0; times < 20; times += 1) {
        for (let guess = 0; guess < 5; guess += 1) await totp.verify(ada.id, '000000');
        locks.push(await minutes());
        await unlock();
      }
      assert.deepEqual(locks.slice(0, 8), [15, 30, 60, 120, 240, 480, 960, 1440]);
      assert.ok((locks.at(-1) ?? 0) > 1_000_000);
      assert.equal(await failed(), 100);
      assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), false);
      await account().update({ failed_code_attempts: 0 });
      assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), true);
    });

    test('of somebody who knows the password do not lock the owner out of their browser, nor their passkey', async (t) => {
      const { server, ada, secret } = await begin(t, engine);
      const own = await atSecondFactor(server, ada);
      const home = await sendCode(own.browser, own.page, codeOf(secret));
      assert.equal(home.status, 200);
      const passkey = new Authenticator(server.issuer);
      await register(own.browser, await accountPlace(server, ada.id), passkey);

      // A browser that the password alone has made known has no count of its own.
      const thief = await atSecondFactor(server, ada);
      let page = thief.page;
      for (let guess = 0; guess < 6; guess += 1) page = await sendCode(thief.browser, page, '000000');
      assert.match(await textOf(page.clone()), /Too many wrong codes were entered/);
      const another = await atSecondFactor(server, ada);
      assert.equal((await sendCode(another.browser, another.page, codeOf(secret, 1))).status, 401);

      const elsewhere = await signInPage(server, await server.createClient());
      assert.equal((await authenticate(elsewhere.browser, elsewhere.place, passkey)).status, 200);

      const cookies = new Browser(server.issuer);
      for (const [name, cookie] of own.browser.cookies)
        if (/browser/.test(name)) cookies.cookies.set(name, cookie);
      const again = await atSecondFactor(server, ada, cookies);
      assert.equal((await sendCode(cookies, again.page, codeOf(secret, 1))).status, 200);
    });

    test('at the confirmation of a new app and at a recovery link are counted too', async (t) => {
      const server = await startServer(t, engine, { config: { recoverByEmail: true } });
      const eve = await server.createAccount('eve');
      const { knex } = server.database;
      const failed = async () =>
        Number((await knex('T_accounts').where({ id: eve.id }).first()).failed_code_attempts);
      const { totp, recoveryCodes } = secondFactorOf(server);
      for (let guess = 0; guess < 7; guess += 1) {
        await totp.startSetup(eve.id, 'eve');
        assert.equal(await totp.confirmSetup(eve.id, '000000'), false);
      }
      assert.equal(await failed(), 5);
      const { secret } = await totp.startSetup(eve.id, 'eve');
      assert.equal(await totp.confirmSetup(eve.id, codeOf(secret)), false);

      await knex('T_accounts')
        .where({ id: eve.id })
        .update({ failed_code_attempts: 0, codes_locked_until: null });
      await knex('T_credentials').where({ account_id: eve.id }).delete();
      await knex('T_accounts').where({ id: eve.id }).update({ email_verified: true });
      const [code = ''] = await recoveryCodes.create(eve.id);
      await forgot(server, 'eve@harbour.example');
      const { link = '' } = await server.sink.to('eve@harbour.example');
      const { browser, page } = await openLink(server, link);
      const place = { ...(await placeOf(page)), purpose: 'recovery' };
      const key = new Authenticator(server.issuer);
      for (let guess = 0; guess < 6; guess += 1)
        assert.equal((await register(browser, { ...place, fields: { code: WRONG } }, key)).status, 401);
      assert.equal(await failed(), 5);
      assert.equal((await register(browser, { ...place, fields: { code } }, key)).status, 401);
      await knex('T_accounts').where({ id: eve.id }).update({ codes_locked_until: null });
      assert.equal((await register(browser, { ...place, fields: { code } }, key)).status, 200);
      assert.equal(await failed(), 0);
    });

    test('are locked again for an account whose page was left open before', async (t) => {
      const { server, ada, secret } = await begin(t, engine);
      const request = authorization(await server.createClient());
      const browser = new Browser(server.issuer);
      const login = await formOf(await browser.follow(await browser.get(authorizeUrl(request))));
      const typed = { ...login.fields, username: ada.username, password: ada.password };
      const open = await browser.follow(await browser.post(login.action, typed));
      const { totp } = secondFactorOf(server);
      for (let guess = 0; guess < 5; guess += 1) await totp.verify(ada.id, '000000');
      assert.equal((await sendCode(browser, open, codeOf(secret, 1))).status, 401);
    });
  });
}

// On SQLite alone: test/flows/rate-limits.test.ts has the same count on each engine.
describe('wrong codes', () => {
  test('count against the IP address like wrong passwords, in every form that takes a code', async (t) => {
    const { server, ada, secret } = await begin(t, 'sqlite');
    const own = await atSecondFactor(server, ada);
    await sendCode(own.browser, own.page, codeOf(secret));
    const html = await (await own.browser.get(SECURITY)).text();
    const eve = await server.createAccount('eve');
    const setUp = await visit(server, eve, SECURITY);
    assert.ok(html.includes('recovery-codes'));
    const { knex } = server.database;
    const unlock = () => knex('T_accounts').update({ failed_code_attempts: 0, codes_locked_until: null });
    let page = (await atSecondFactor(server, ada)).page;
    const thief = new Browser(server.issuer);
    page = (await atSecondFactor(server, ada, thief)).page;
    for (let guess = 0; guess < 50; guess += 1) {
      if (guess % 4 === 0) await unlock();
      page = await sendCode(thief, page, guess % 2 === 0 ? '000000' : WRONG);
      assert.equal(page.status, 401, String(guess));
    }
    await unlock();
    const form = await formOf(page);
    assert.equal((await thief.post(form.action, { ...form.fields, code: codeOf(secret, 1) })).status, 429);
    const security = await (await setUp.browser.get(SECURITY)).text();
    const csrf = /action="\/account\/security\/app">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(
      security,
    )?.[1];
    const confirmed = await setUp.browser.post(`${SECURITY}/app`, { csrf: String(csrf), code: '000000' });
    assert.equal(confirmed.status, 429, 'the confirmation of a new app');
  });

  test('and wrong passwords on the pages of an account count against the IP address', async (t) => {
    const { server, ada, secret } = await begin(t, 'sqlite');
    const { browser, page } = await atSecondFactor(server, ada);
    await sendCode(browser, page, codeOf(secret));
    const { knex } = server.database;
    for (const [path, typed] of [
      [SECURITY, { password: 'another harbour at dusk' }],
      ['/account/email', { email: 'mei@harbour.example' }],
    ] as const) {
      const { action, fields } = await formOf(await browser.get(path));
      for (let guess = 0; guess < 25; guess += 1) {
        const answer = await browser.post(action, { ...fields, ...typed, current: `wrong ${guess}` });
        assert.equal(answer.status, 400, `${path} ${guess}`);
        await knex('T_known_browsers').update({ failed_login_attempts: 0, locked_until: null });
      }
    }
    for (const path of [SECURITY, '/account/email']) {
      const { action, fields } = await formOf(await browser.get(path));
      const typed = { email: 'mei@harbour.example', password: 'another harbour at dusk' };
      const answer = await browser.post(action, { ...fields, ...typed, current: ada.password });
      assert.equal(answer.status, 429, path);
    }
  });
});
