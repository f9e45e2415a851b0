import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { makeReadableCode } from '../../src/kit/readable-codes.ts';
import { Authenticator } from '../support/authenticator.ts';
import type { Browser } from '../support/browser.ts';
import { accountPlace, newcomer, register } from '../support/builders/passkey.ts';
import { codeOf, secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PATH = '/account/security';

/** The forms of a page by their action. */
async function forms(
  browser: Browser,
): Promise<{ html: string; send(action: string, fields: Record<string, string>): Promise<Response> }> {
  const html = await (await browser.get(PATH)).text();
  const hidden = new Map(
    [...html.matchAll(/action="([^"]+)">(.*?)<\/form>/gs)].map(([, action = '', form = '']) => [
      action,
      Object.fromEntries(
        [...form.matchAll(/type="hidden" name="(\w+)" value="([^"]+)"/g)].map(([, name, value]) => [
          name,
          value,
        ]),
      ),
    ]),
  );
  return {
    html,
    send: (action, fields) => browser.post(action, { ...hidden.get(action), ...fields }),
  };
}

/** The secret that the page for an authenticator app shows. */
const secretIn = (html: string) => /class="mono">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';

const idOf = async (server: TestServer, accountId: string) =>
  (
    await server.database
      .knex('T_webauthn_credentials')
      .where({ account_id: accountId })
      .orderBy('id', 'desc')
      .first('id')
  ).id;

describe('passkeys and second factors on the account page', () => {
  test('a key can be renamed and removed, but not another account’s, nor the last', async (t) => {
    const server = await startServer(t, 'sqlite');
    const mei = await newcomer(server, 'mei');
    const eve = await newcomer(server, 'eve');
    const first = await idOf(server, mei.id);
    const page = await forms(mei.browser);
    assert.match(page.html, /This device/);
    const hostile = '<b>"Blue"</b>';
    const renamed = await page.send(`${PATH}/keys`, { key: first, act: 'rename', name: hostile });
    assert.equal(renamed.headers.get('location'), `${PATH}?done=renamed`);
    const { html } = await forms(mei.browser);
    assert.ok(html.includes('&lt;b&gt;&#34;Blue&#34;&lt;/b&gt;') && !html.includes(hostile));
    assert.equal((await page.send(`${PATH}/keys`, { key: first, act: 'remove' })).status, 409);
    const other = await forms(eve.browser);
    for (const act of ['rename', 'remove'])
      assert.equal((await other.send(`${PATH}/keys`, { key: first, act, name: 'x' })).status, 404);
    assert.equal((await page.send(`${PATH}/keys`, { key: first, act: 'burn' })).status, 400);
    assert.equal((await page.send(`${PATH}/keys`, { key: first, act: 'remove', csrf: 'x' })).status, 403);
    assert.equal((await server.database.knex('T_webauthn_credentials').whereNotNull('deleted_at')).length, 0);
  });

  test('a key that is plugged in is listed among security keys, also when it signs in alone', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const place = await accountPlace(server, ada.id);
    await register(browser, place, new Authenticator(server.issuer));
    await register(browser, place, new Authenticator(server.issuer), { transports: ['usb', 'nfc'] });
    await register(browser, place, new Authenticator(server.issuer), { transports: ['hybrid', 'usb'] });
    const { html } = await forms(browser);
    const [, passkeys = '', securityKeys = ''] = html.split(/<h2[^>]*>(?:Passkeys|Security keys)<\/h2>/);
    const namesIn = (part: string) => [...part.matchAll(/<h3><bdi>([^<]+)/g)].map(([, name]) => name);
    assert.deepEqual(namesIn(passkeys), ['This device', 'Phone or tablet']);
    assert.deepEqual(namesIn(securityKeys), ['Security key (NFC)']);
    assert.match(securityKeys, /Signs you in without a password/);
  });

  test('an app is set up and recovery codes are created, only shortly after a sign-in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const page = await forms(browser);
    const shown = await (await page.send(`${PATH}/app`, {})).text();
    const secret = secretIn(shown);
    const csrf = /name="csrf" value="([^"]+)"/.exec(shown)?.[1] ?? '';
    const wrong = await browser.post(`${PATH}/app`, { csrf, code: '12' });
    assert.equal(wrong.status, 400);
    assert.equal(secretIn(await wrong.text()), secret, 'a mistyped code keeps the secret');
    assert.equal(secretIn(await (await page.send(`${PATH}/app`, {})).text()), secret, 'so does a reload');
    const done = await browser.post(`${PATH}/app`, { csrf, code: codeOf(secret) });
    assert.equal(done.headers.get('location'), `${PATH}?done=app`);
    assert.ok((await secondFactorOf(server).getFactors(ada.id)).hasAddedFactor);

    // The code that set the app up has shown the new factor. A session that was opened with the password alone has not.
    const weak = await visit(server, ada, PATH);
    assert.match(await textOf(weak.page), /Enter your code/);
    assert.match(await (await page.send(`${PATH}/recovery-codes`, {})).text(), /Your recovery codes/);
    await page.send(`${PATH}/app`, { act: 'remove' });
    assert.equal((await secondFactorOf(server).getFactors(ada.id)).totp, false);
  });

  test('a reload of the recovery codes shows the same ones, which stay valid', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const codesIn = async (page: Response) =>
      [...(await page.text()).matchAll(/<li class="mono">([^<]+)/g)].map(([, code]) => String(code));
    const page = await forms(browser);
    const codes = await codesIn(await page.send(`${PATH}/recovery-codes`, {}));
    assert.equal(codes.length, 10);
    assert.deepEqual(await codesIn(await page.send(`${PATH}/recovery-codes`, {})), codes);
    const { recoveryCodes } = secondFactorOf(server);
    assert.equal(await recoveryCodes.consume(ada.id, codes[3] ?? ''), true);
    assert.deepEqual(await codesIn(await page.send(`${PATH}/recovery-codes`, {})), codes);
    assert.equal(await recoveryCodes.countUnused(ada.id), 9, 'a code that was used stays used');
    await recoveryCodes.create(ada.id);
    const late = await page.send(`${PATH}/recovery-codes`, {});
    assert.match(String(late.headers.get('location')), /^\/auth\?/, 'codes that were replaced are not shown');
  });

  test('somebody who saw the page before cannot compute the codes, nor show them later', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const page = await forms(browser);
    const key = /name="idempotency_key" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
    const html = await (await page.send(`${PATH}/recovery-codes`, {})).text();
    const computed = makeReadableCode(20, (bytes) =>
      Buffer.from(hkdfSync('sha256', key, 'latchkey', 'recovery code 0', bytes)),
    );
    assert.ok(!html.includes(computed));
    assert.equal(await secondFactorOf(server).recoveryCodes.consume(ada.id, computed), false);
    const created_at = new Date(Date.now() - 400_000);
    await server.database.knex('T_recovery_codes').where({ account_id: ada.id }).update({ created_at });
    const late = await page.send(`${PATH}/recovery-codes`, {});
    assert.match(String(late.headers.get('location')), /^\/auth\?.*acr_values=mfa/);
  });

  test('a secret that was shown long ago is replaced', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const page = await forms(browser);
    const shown = async () => secretIn(await (await page.send(`${PATH}/app`, {})).text());
    const first = await shown();
    const created_at = new Date(Date.now() - 1_000_000);
    await server.database.knex('T_totp_secrets').where({ account_id: ada.id }).update({ created_at });
    assert.notEqual(await shown(), first);
    const old = await page.send(`${PATH}/app`, { code: codeOf(first) });
    assert.equal(old.status, 400);
  });

  test('a name that is too long for a key is shown again, with what is wrong', async (t) => {
    const server = await startServer(t, 'sqlite');
    const mei = await newcomer(server, 'mei');
    const key = await idOf(server, mei.id);
    const name = 'Blue '.repeat(30).trim();
    const refused = await (await forms(mei.browser)).send(`${PATH}/keys`, { key, act: 'rename', name });
    assert.equal(refused.status, 400);
    const html = await refused.text();
    assert.match(html, /A name can have at most 100 characters/);
    assert.ok(html.includes(`value="${name}"`) && html.includes(`href="#name-${key}"`));
  });

  test('a secret that one session was shown is shown to no other, and cannot be confirmed there', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const thief = await visit(server, ada, PATH);
    const planted = secretIn(await (await (await forms(thief.browser)).send(`${PATH}/app`, {})).text());
    const own = await visit(server, ada, PATH);
    const page = await forms(own.browser);
    const confirmed = await page.send(`${PATH}/app`, { code: codeOf(planted) });
    assert.equal(confirmed.status, 400);
    const secret = secretIn(await confirmed.text());
    assert.notEqual(secret, planted);
    const done = await page.send(`${PATH}/app`, { code: codeOf(secret) });
    assert.equal(done.headers.get('location'), `${PATH}?done=app`);
  });

  test('somebody who only knows the password cannot remove a key, or add one that signs in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const own = await visit(server, ada, PATH);
    await register(own.browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
    const key = await idOf(server, ada.id);
    const thief = await visit(server, ada, PATH);
    const page = await forms(thief.browser);
    const answer = await page.send(`${PATH}/keys`, { key, act: 'remove' });
    assert.match(String(answer.headers.get('location')), /^\/auth\?.*acr_values=mfa/);
    const added = await register(
      thief.browser,
      await accountPlace(server, ada.id),
      new Authenticator(server.issuer),
    );
    assert.equal(added.body.is_signed, false);
    assert.equal((await server.database.knex('T_webauthn_credentials').whereNotNull('deleted_at')).length, 0);
    assert.match(await textOf(await thief.browser.get(PATH)), /Not approved/);
  });
});

test('a session from before a second factor was required opens none of our pages', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const { browser } = await visit(server, ada, PATH);
  const { config, storage, issuer } = server;
  const secondFactor = { everyone: true, scopes: [], roles: [] };
  const strict = await startServer(t, 'sqlite', { storage, config: { issuer, secondFactor } });
  const url = `http://127.0.0.1:${strict.config.port}${PATH}`;
  const cookie = [...browser.cookies].map(([key, { value }]) => `${key.split(' ')[1]}=${value}`).join('; ');
  const answer = await fetch(url, {
    headers: { cookie, accept: 'text/html', 'x-forwarded-host': new URL(issuer).host },
    redirect: 'manual',
  });
  assert.equal(answer.status, 303);
  assert.match(String(answer.headers.get('location')), /^\/auth\?/);
  assert.equal(
    (
      await fetch(url.replace(String(strict.config.port), String(config.port)), {
        headers: { cookie, accept: 'text/html', 'x-forwarded-host': new URL(issuer).host },
        redirect: 'manual',
      })
    ).status,
    200,
  );
  await withApp(server, ada);
});

test('a key that is added or removed is announced by mail, without its secrets', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const { browser } = await visit(server, ada, PATH);
  await register(browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
  await server.settled();
  const { subject, text } = await server.sink.to('ada@harbour.example');
  assert.equal(subject, 'A key was added to your account');
  assert.match(text, /Account: ada\n\nKey: This device\n/);
});
