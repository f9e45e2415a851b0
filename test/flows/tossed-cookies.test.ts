import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { askForCode, createDeviceClient, typeCode } from '../support/builders/device.ts';
import { accountPlace, authenticate, newcomer, placeOf, register } from '../support/builders/passkey.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const LOGIN = { username: 'ada', password: PASSWORD };
const SECURITY = '/account/security';

/**
 * What a site on a neighbouring host can do: set cookies of its own browser for a path in the browser of a visitor.
 * Those for every path have the prefix `__Host-`, which it cannot set.
 */
function toss(from: Browser, to: Browser): void {
  for (const [key, cookie] of from.cookies) if (cookie.path !== '/') to.cookies.set(key, cookie);
}

/** Opens a page of sign-in in the browser of an attacker. @returns it, a visitor's browser, and the path of the page */
async function openSignIn(server: TestServer) {
  const mallory = new Browser(server.issuer);
  const page = await mallory.follow(await mallory.get(SECURITY));
  return { mallory, page, victim: new Browser(server.issuer), path: new URL(page.url).pathname };
}

async function assertEnded(answer: Response): Promise<void> {
  assert.equal(answer.status, 400);
  assert.match(await textOf(answer), /This sign-in has ended/);
}

const isSignedIn = async (browser: Browser) => (await browser.get(SECURITY)).status === 200;

describe('a sign-in that was begun in the browser of somebody else', () => {
  test('is not shown to a visitor, and takes no password', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const { mallory, page, victim, path } = await openSignIn(server);
    const { action, fields } = await formOf(page);
    toss(mallory, victim);
    await assertEnded(await victim.get(path));
    await assertEnded(await victim.post(action, { ...fields, ...LOGIN }));
    // Also when the visitor is recognized by a sign-in of their own.
    await victim.follow(await victim.get(SECURITY));
    toss(mallory, victim);
    await assertEnded(await victim.post(action, { ...fields, ...LOGIN }));
    assert.equal(await isSignedIn(mallory), false);
  });

  test('takes no passkey', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await newcomer(server, 'ada');
    await register(ada.browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
    const { mallory, page, victim } = await openSignIn(server);
    const place = await placeOf(page);
    toss(mallory, victim);
    const { status, body } = await authenticate(victim, place, ada.key);
    assert.equal(status, 400);
    assert.match(String(body.title), /It was completed already/);
  });

  test('signs no visitor in to the account of whoever began it', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const { mallory, page, victim } = await openSignIn(server);
    const { action, fields } = await formOf(page);
    const done = await mallory.post(action, { ...fields, ...LOGIN });
    const { pathname } = new URL(done.headers.get('location') ?? '', server.issuer);
    toss(mallory, victim);
    await assertEnded(await victim.get(pathname));
    assert.equal(await isSignedIn(victim), false);
    await mallory.follow(await mallory.get(pathname));
    assert.equal(await isSignedIn(mallory), true);
  });

  test('approves no device for somebody else', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const client = await createDeviceClient(server);
    const mallory = new Browser(server.issuer);
    const victim = new Browser(server.issuer);
    const question = await typeCode(mallory, (await askForCode(server, client)).user_code);
    const { action: decide, fields: asked } = await formOf(question);
    const page = await mallory.follow(await mallory.post(decide, { ...asked, decision: 'allow' }));
    const { action, fields } = await formOf(page);
    toss(mallory, victim);
    await assertEnded(await victim.post(action, { ...fields, ...LOGIN }));
  });

  test('is finished by its own browser, beside another one', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const browser = new Browser(server.issuer);
    const client = await server.createClient({ firstParty: true });
    const [first, second] = [authorizeUrl(authorization(client)), authorizeUrl(authorization(client))];
    const pages = [
      await browser.follow(await browser.get(first)),
      await browser.follow(await browser.get(second)),
    ];
    for (const page of pages) {
      const { action, fields } = await formOf(page);
      const end = await browser.follow(await browser.post(action, { ...fields, ...LOGIN }));
      assert.match(end.headers.get('location') ?? '', /[?&]code=/);
    }
  });
});

test('the cookie of a browser reaches no other host, and lasts until the browser is closed', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { issuer: 'https://id.example', trustProxy: 1 } });
  const { port } = server.config;
  const browser = new Browser(`http://127.0.0.1:${port}`, 'https://id.example');
  const answer = await browser.get(authorizeUrl(authorization(await server.createClient())));
  const cookie = answer.headers.getSetCookie().find((one) => one.includes('latchkey_browser'));
  assert.match(cookie ?? '', /^__Host-latchkey_browser=[\w-]{43}; path=\/; samesite=lax; secure; httponly$/i);
});
