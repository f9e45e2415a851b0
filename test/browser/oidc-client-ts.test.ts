import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const library = readFileSync(
  new URL('../browser/oidc-client-ts.min.js', import.meta.resolve('oidc-client-ts')),
);

/** Serves a single-page application on its own origin: every page only loads the library. */
async function serve(): Promise<{ origin: string; close(): void }> {
  const server = createServer((request, response) => {
    const script = request.url === '/library.js';
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    response.end(script ? library : '<!doctype html><title>SPA</title><script src="/library.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://localhost:${port}`, close: () => void server.close() };
}

/**
 * Fails as soon as the pop-up looks closed to the page that opened it, as it does from the first page with
 * `Cross-Origin-Opener-Policy: same-origin`. Without this option the library overlooks that.
 */
const IF_OPEN = '{ popupAbortOnClose: true }';

const signIn = async (page: Page) => {
  await page.getByLabel('Username').fill('ada');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
};
const allow = (page: Page) => page.getByRole('button', { name: 'Allow', exact: true }).click();

/** A server, a registered single-page application on another origin, and a browser. */
async function open(t: TestContext) {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const spa = await serve();
  t.after(spa.close);
  const client = await server.createClient({
    public: true,
    redirectUris: [`${spa.origin}/callback`],
    postLogoutRedirectUris: [`${spa.origin}/`],
  });
  const settings = JSON.stringify({
    authority: server.issuer,
    client_id: client.client_id,
    redirect_uri: `${spa.origin}/callback`,
    popup_redirect_uri: `${spa.origin}/callback`,
    post_logout_redirect_uri: `${spa.origin}/`,
    scope: 'openid profile email',
    loadUserInfo: true,
  });
  const { context, complaints } = await watch(await launch(t));
  return {
    person,
    spa,
    context,
    unexpected: () => complaints.filter((text) => !/favicon/.test(text)),
    /** Evaluates an expression with a `manager` in a page of the application. */
    run: (page: Page, expression: string): Promise<unknown> =>
      page.evaluate(`(async () => {
        const userStore = new oidc.WebStorageStateStore({ store: localStorage });
        const manager = new oidc.UserManager({ ...${settings}, userStore });
        return ${expression};
      })()`),
  };
}

describe('oidc-client-ts in Chromium', { skip }, () => {
  test('signs in, reads userinfo, refreshes and signs out unchanged', async (t) => {
    const { person, spa, context, unexpected, run } = await open(t);
    const page = await context.newPage();
    await page.goto(spa.origin);
    await run(page, 'manager.signinRedirect()').catch(() => undefined);
    await signIn(page);
    await allow(page);
    await page.waitForURL(`${spa.origin}/callback?**`);
    assert.equal(
      await run(page, 'manager.signinCallback().then((user) => user.profile.email)'),
      'ada@harbour.example',
    );
    assert.equal(await run(page, 'manager.signinSilent().then((user) => user.profile.sub)'), person.id);
    await run(page, 'manager.signoutRedirect()').catch(() => undefined);
    await page.waitForURL(`${spa.origin}/`);
    assert.deepEqual(unexpected(), []);
  });

  test('signs in and out in a pop-up', async (t) => {
    const { person, spa, context, unexpected, run } = await open(t);
    const page = await context.newPage();
    await page.goto(spa.origin);
    const popUp = page.waitForEvent('popup');
    const signedIn = run(page, `manager.signinPopup(${IF_OPEN}).then((user) => user.profile.sub)`);
    const window = await popUp;
    await signIn(window);
    await allow(window);
    await window.waitForURL(`${spa.origin}/callback?**`);
    await run(window, 'manager.signinPopupCallback()').catch(() => undefined);
    assert.equal(await signedIn, person.id);

    const second = page.waitForEvent('popup');
    const signedOut = run(page, `manager.signoutPopup(${IF_OPEN})`);
    const closing = await second;
    await closing.waitForURL(`${spa.origin}/?**`);
    assert.equal(await closing.evaluate('window.opener !== null'), true, 'the pop-up still has its opener');
    await run(closing, 'manager.signoutPopupCallback()').catch(() => undefined);
    await signedOut;
    assert.equal(await run(page, 'manager.getUser()'), null);
    assert.deepEqual(unexpected(), []);
  });

  test('signs in from two tabs at once, and both renew with the same refresh token', async (t) => {
    const { person, spa, context, unexpected, run } = await open(t);
    const tabs = [await context.newPage(), await context.newPage()] as const;
    for (const tab of tabs) {
      await tab.goto(spa.origin);
      await run(tab, 'manager.signinRedirect()').catch(() => undefined);
      await tab.getByLabel('Username').waitFor();
    }
    const [first, second] = tabs;
    await signIn(first);
    await allow(first);
    await first.waitForURL(`${spa.origin}/callback?**`);
    await run(first, 'manager.signinCallback().then(() => true)');
    await signIn(second);
    await second.waitForURL(`${spa.origin}/callback?**`);
    await run(second, 'manager.signinCallback().then(() => true)');
    const renew = 'manager.signinSilent().then((user) => user.profile.sub)';
    assert.deepEqual(await Promise.all(tabs.map((tab) => run(tab, renew))), [person.id, person.id]);
    assert.deepEqual(unexpected(), []);
  });

  test('of another origin is refused at the token endpoint', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({
      public: true,
      redirectUris: ['https://spa.example/callback'],
    });
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code: 'x',
    });
    for (const [origin, allowed] of [
      ['https://evil.example', null],
      ['https://spa.example', 'https://spa.example'],
    ] as const) {
      const response = await fetch(`${server.issuer}/token`, { method: 'POST', body, headers: { origin } });
      assert.equal(response.headers.get('access-control-allow-origin'), allowed);
    }
  });
});
