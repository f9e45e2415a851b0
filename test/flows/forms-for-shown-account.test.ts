import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { answerPages, askForCode, createDeviceClient, poll, typeCode } from '../support/builders/device.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { visit } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

/** A page of a device's code, and the browser that has signed in to another account after it opened the page. */
async function switchAfterCode(server: TestServer, hasSession: boolean) {
  const [ada, bob] = [await server.createAccount('ada'), await server.createAccount('bob')];
  const app = await server.createClient({ firstParty: true });
  const device = await createDeviceClient(server, { firstParty: true });
  const browser = new Browser(server.issuer);
  if (hasSession) await signInWith(server, app, ada, {}, browser);
  const { user_code, device_code } = await askForCode(server, device);
  const page = await typeCode(browser, user_code);
  const other = new Browser(server.issuer);
  await signInWith(server, app, bob, {}, other);
  for (const [name, cookie] of other.cookies)
    if (name.includes('latchkey_session')) browser.cookies.set(name, cookie);
  return { browser, page, bob, connected: () => poll(server, device, device_code) };
}

describe('a form does nothing for another account than its page has shown', () => {
  for (const hasSession of [true, false])
    test(`when a device is connected, signed ${hasSession ? 'in' : 'out'} before`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const { browser, page, bob, connected } = await switchAfterCode(server, hasSession);
      assert.equal((await page.clone().text()).includes('<bdi>ada</bdi>'), hasSession);
      const again = await browser.follow(await send(browser, page, { decision: 'allow' }));
      assert.equal(again.status, 409);
      assert.equal((await connected()).body.error, 'authorization_pending');
      const html = await again.clone().text();
      assert.match(html, /changed to another account/);
      assert.match(html, /<bdi>bob<\/bdi>/);
      const { action, fields } = await formOf(again);
      const last = await answerPages(
        browser,
        await browser.follow(await browser.post(action, { ...fields, decision: 'allow' })),
        bob,
      );
      assert.match(await last.text(), /Your device is connected/);
    });

  test('when a device is denied, which needs no account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { browser, page, connected } = await switchAfterCode(server, true);
    await send(browser, page, { decision: 'deny' });
    assert.equal((await connected()).body.error, 'access_denied');
  });

  test('when a password is set by a mailed link', async (t) => {
    const server = await startServer(t, 'sqlite');
    for (const name of ['ada', 'bob']) await server.createAccount(name);
    const { browser, page } = await openLink(server, await resetLink(server, 'ada@harbour.example'));
    await openLink(server, await resetLink(server, 'bob@harbour.example'), browser);
    const again = await send(browser, page, { password: NEW_PASSWORD });
    assert.equal(again.status, 400);
    assert.match(await again.clone().text(), /Another link was opened.*bob/s);
    const { page: signedIn } = await visit(server, { username: 'bob', password: PASSWORD }, SECURITY);
    assert.equal(signedIn.status, 200, 'his password is as it was');
    assert.equal((await send(browser, again, { password: NEW_PASSWORD })).status, 303);
  });

  test('when a change is disputed by a mailed link', async (t) => {
    const server = await startServer(t, 'sqlite');
    const links: string[] = [];
    for (const name of ['ada', 'bob']) {
      const { id } = await server.createAccount(name);
      await server.database.knex('T_accounts').where({ id }).update({ email_verified: true });
      const { browser } = await visit(server, { username: name, password: PASSWORD }, SECURITY);
      await send(browser, await browser.get(SECURITY), { current: PASSWORD, password: NEW_PASSWORD });
      await server.settled();
      links.push(server.sink.mails.findLast(({ to }) => to.includes(`${name}@harbour.example`))?.link ?? '');
    }
    const { browser, page } = await openLink(server, String(links[0]));
    await openLink(server, String(links[1]), browser);
    const again = await browser.follow(await send(browser, page));
    assert.match(await again.clone().text(), /Was this not you\?.*bob/s);
    const used = await server.database.knex('T_security_notices').whereNotNull('consumed_at');
    assert.equal(used.length, 0);
    assert.match(await (await send(browser, again)).text(), /signed out everywhere/);
  });
});
