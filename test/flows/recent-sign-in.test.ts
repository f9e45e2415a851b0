import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { type Browser, formOf } from '../support/browser.ts';
import { accountPlace, register } from '../support/builders/passkey.ts';
import { secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

const HIDDEN = /<input type="hidden" name="(\w+)" value="([^"]*)"/g;

/** The form of the security page with that button, as the browser would send it. */
async function press(browser: Browser, button: RegExp): Promise<Response> {
  const html = await (await browser.get(SECURITY)).text();
  for (const [form] of html.matchAll(/<form[^>]*>.*?<\/form>/gs)) {
    const [, name, value, label = ''] =
      /<button[^>]*?(?: name="(\w+)" value="(\w+)")?>([^<]*)/.exec(form) ?? [];
    if (!button.test(label)) continue;
    const fields = [...form.matchAll(HIDDEN)];
    const sent = Object.fromEntries(fields.map(([, field, text]) => [field, text]));
    const action = /action="([^"]+)"/.exec(form)?.[1] ?? '';
    return browser.post(action, name ? { ...sent, [name]: value } : sent);
  }
  throw new Error(`There is no button ${button}.`);
}

/** Signs in again on the page that the browser was sent to. @returns the page after it */
async function signInAgain(browser: Browser, page: Response): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, username: 'ada', password: PASSWORD }));
}

const ACTIONS = [
  {
    button: /^Create ten recovery codes$/,
    says: 'create recovery codes',
    done: async (server: TestServer, id: string) =>
      (await secondFactorOf(server).recoveryCodes.countUnused(id)) === 10,
  },
  {
    button: /^Set up an app/,
    says: 'set up an authenticator app',
    done: async (server: TestServer) => (await server.database.knex('T_totp_secrets')).length === 1,
  },
];

describe('an action that needs a recent sign-in', () => {
  for (const { button, says, done } of ACTIONS)
    test(`${says}: the page says why, and then the action is ready`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const ada = await server.createAccount();
      const { browser } = await visit(server, ada, SECURITY);
      await age(server);
      const page = await browser.follow(await press(browser, button));
      assert.match(await textOf(page.clone()), new RegExp(`Confirm it is you to ${says}`));
      assert.match(await page.clone().text(), /name="username"[^>]* value="ada"/);
      assert.equal(await done(server, ada.id), false);

      const ready = await signInAgain(browser, page);
      assert.equal(new URL(ready.url).pathname, '/account/confirm');
      assert.equal(await done(server, ada.id), false, 'opening the page does nothing');
      const form = await formOf(ready);
      await browser.follow(await browser.post(form.action, form.fields));
      assert.equal(await done(server, ada.id), true);
      const later = await browser.get('/account/confirm');
      assert.equal(later.headers.get('location'), SECURITY, 'it is done only once');
    });

  test('names the key that is removed', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    const place = await accountPlace(server, ada.id);
    await register(browser, place, new Authenticator(server.issuer));
    const html = await (await browser.get(SECURITY)).text();
    const name = /<h3><bdi>([^<]+)/.exec(html)?.[1];
    await age(server);
    const page = await browser.follow(await press(browser, /^Remove/));
    assert.match(await textOf(page.clone()), new RegExp(`Confirm it is you to remove “${name}”`));
  });

  test('is forgotten by another account, and when the security page is opened', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const eve = await server.createAccount('eve');
    const { browser } = await visit(server, ada, SECURITY);
    await age(server);
    const page = await browser.follow(await press(browser, /^Create ten/));
    const { action, fields } = await formOf(page);
    const asEve = { ...fields, username: eve.username, password: PASSWORD };
    const end = await browser.follow(await browser.post(action, asEve));
    assert.doesNotMatch(await end.text(), /Create recovery codes/);

    const own = await visit(server, ada, SECURITY);
    await age(server);
    const again = await own.browser.follow(await press(own.browser, /^Create ten/));
    await own.browser.get(SECURITY);
    const home = await signInAgain(own.browser, again);
    assert.equal(new URL(home.url).pathname, SECURITY);
  });

  test('that is too long to be kept is not kept, and the user can still sign in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    await register(browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
    const html = await (await browser.get(SECURITY)).text();
    const csrf =
      /action="\/account\/security\/keys"[^>]*>\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(
        html,
      )?.[1];
    const key = /name="key" value="([^"]+)"/.exec(html)?.[1];
    await age(server);
    const fields = { csrf: String(csrf), key: String(key), act: 'remove', name: 'x'.repeat(3000) };
    const page = await browser.follow(await browser.post('/account/security/keys', fields));
    assert.equal(page.status, 200, 'the sign-in page');
    const second = await signInAgain(browser, page);
    assert.match(await textOf(second), /Use your security key/);
    assert.equal((await browser.get('/account/confirm')).headers.get('location'), SECURITY);
  });

  test('needs the second factor that the account has', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    await withApp(server, ada);
    const weak = await press(browser, /^Remove app$/);
    assert.match(String(weak.headers.get('location')), /^\/auth\?.*acr_values=mfa/);
  });
});
