import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser } from '../support/browser.ts';
import { register } from '../support/builders/passkey.ts';
import {
  afterPassword,
  afterRecoveryCodes,
  codeOf,
  land,
  pathOf,
  readRecoveryCodes,
  secondFactorOf,
  sendCode,
  sessions,
} from '../support/builders/second-factor.ts';
import { startServer } from '../support/server.ts';

/** A browser at the page that requires a second factor, and how it sets one up. @returns the page after it */
async function openEnrolment(t: TestContext) {
  const secondFactor = { everyone: true, scopes: [], roles: [] };
  const server = await startServer(t, 'sqlite', { config: { secondFactor } });
  const client = await server.createClient();
  const ada = await server.createAccount();
  const { browser, request, next } = await afterPassword(server, client);
  const html = await next.clone().text();
  const secret = /class="mono">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';
  const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
  const ways = {
    'an authenticator app': () => sendCode(browser, next, codeOf(secret)),
    async 'a passkey'() {
      const { body } = await register(browser, { csrf, interaction }, new Authenticator(server.issuer));
      return browser.get(pathOf(body.location));
    },
  };
  return { server, client, ada, browser, request, ways };
}

describe('recovery codes after the first second factor of a sign-in', () => {
  for (const way of ['an authenticator app', 'a passkey'] as const)
    test(`are shown once ${way} was set up, and the sign-in goes on`, async (t) => {
      const { server, client, ada, browser, request, ways } = await openEnrolment(t);
      const page = await ways[way]();
      const { codes, next } = await readRecoveryCodes(page);
      assert.equal(codes.length, 10);
      assert.match(await page.clone().text(), /<h1>Save your recovery codes<\/h1>/);
      assert.doesNotMatch(await page.clone().text(), /earlier codes/);
      const { pathname } = new URL(page.url);
      assert.deepEqual(
        await readRecoveryCodes(await browser.get(pathname)),
        { codes, next },
        'a reload keeps them',
      );
      assert.equal(await sessions(server, ada.id), 0);

      await land(server, client, browser, request, await afterRecoveryCodes(browser, page));
      assert.equal((await browser.get(pathname)).status, 400, 'they are shown during the sign-in alone');
      const later = await afterPassword(server, client);
      const asked = await later.browser.follow(
        await later.browser.get(`${new URL(later.next.url).pathname}?with=recovery`),
      );
      await land(
        server,
        client,
        later.browser,
        later.request,
        await sendCode(later.browser, asked, codes[4] ?? ''),
      );
      assert.equal(await secondFactorOf(server).recoveryCodes.countUnused(ada.id), 9);
    });

  test('are shown to no other browser, and not before there are any', async (t) => {
    const { server, ways, browser } = await openEnrolment(t);
    const page = await ways['an authenticator app']();
    const { pathname } = new URL(page.url);
    assert.equal((await new Browser(server.issuer).get(pathname)).status, 400);
    assert.equal((await browser.get(pathname)).status, 200);
    const other = await openEnrolment(t);
    const uid = /interaction\/([\w-]+)/.exec([...other.browser.cookies.keys()].join())?.[1];
    assert.equal((await other.browser.get(`/interaction/${uid}/recovery-codes`)).status, 400);
  });

  test('are skipped when they were made long ago', async (t) => {
    const { server, client, browser, request, ways } = await openEnrolment(t);
    const page = await ways['an authenticator app']();
    const created_at = new Date(Date.now() - 400_000);
    await server.database.knex('T_recovery_codes').update({ created_at });
    const { pathname } = new URL(page.url);
    await land(server, client, browser, request, await browser.follow(await browser.get(pathname)));
  });

  test('are stored as digests only', async (t) => {
    const { server, ways } = await openEnrolment(t);
    const { codes } = await readRecoveryCodes(await ways['a passkey']());
    for (const table of ['T_recovery_codes', 'T_authorization_requests']) {
      const rows = JSON.stringify(await server.database.knex(table));
      for (const code of codes)
        assert.ok(!rows.includes(code) && !rows.includes(code.replaceAll('-', '')), table);
    }
  });
});
