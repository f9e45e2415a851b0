import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { invite } from '../support/builders/invitation.ts';
import { secondFactorOf } from '../support/builders/second-factor.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startApplication } from '../support/example-application.ts';
import { startServer } from '../support/server.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const skip = executablePath ? false : 'Chromium was not found';

async function open(t: TestContext) {
  const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
  const { context, complaints } = await watch(await launch(t));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return { server, page, complaints };
}

type Opened = Awaited<ReturnType<typeof open>>;

const security = (server: Opened['server']) => `${server.issuer}/account/security`;
const heading = (page: Page) => page.locator('h1').innerText();
const said = (page: Page) => page.locator('#status');

/** Signs up with an invitation and a passkey alone. */
async function signUp({ server, page }: Opened, username: string): Promise<void> {
  const { url } = await invite(server);
  await page.goto(url);
  await page.getByLabel('Choose a username').fill(username);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.waitForURL(security(server));
}

async function signOut({ server, page }: Opened): Promise<void> {
  await page.goto(`${server.issuer}/session/end`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForSelector('h1:has-text("You are signed out")');
}

/** Types the password on the sign-in page. */
async function typePassword(page: Page, person: { username: string; password: string }): Promise<void> {
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

describe('a passkey in Chromium', { skip }, () => {
  test('signs a person up with an invitation, and in again with the button, without username or password', async (t) => {
    const here = await open(t);
    const { server, page, complaints } = here;
    const device = await VirtualAuthenticator.plugIn(page, 'platform');
    await signUp(here, 'mei');
    assert.equal(await heading(page), 'Security');
    assert.match(await page.locator('main').innerText(), /This device/);
    assert.equal(await page.getByLabel('New password').count(), 0);
    assert.equal((await device.credentials()).length, 1);
    await signOut(here);

    await device.touched(false);
    await page.goto(security(server));
    assert.match(await heading(page), /Sign in/);
    await device.touched(true);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.waitForURL(security(server));
    assert.match(await page.locator('main').innerText(), /mei/);
    assert.deepEqual(complaints, []);
  });

  test('is offered in the username field, and signs in to the application', async (t) => {
    const here = await open(t);
    const { server, page, complaints } = here;
    await VirtualAuthenticator.plugIn(page, 'platform');
    await signUp(here, 'mei');
    await signOut(here);
    const { home } = await startApplication(t, server);
    await page.goto(home);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    // No button is pressed: the authenticator answers the browser's own list.
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.waitForURL(`${home}/`);
    assert.deepEqual(complaints, []);
  });

  test('is created by the browser after a sign-in with a password, and signs in afterwards', async (t) => {
    const here = await open(t);
    const { server, page, complaints } = here;
    const person = await server.createAccount();
    const device = await VirtualAuthenticator.plugIn(page, 'platform');
    // Chromium asks its password manager first. It is empty here, so the test makes it agree.
    await page.addInitScript(`{
      const create = navigator.credentials.create.bind(navigator.credentials);
      navigator.credentials.create = (options) => create({ ...options, mediation: undefined });
    }`);
    await page.goto(security(server));
    await typePassword(page, person);
    await page.waitForSelector('h3:has-text("This device")');
    assert.equal((await device.credentials()).length, 1);
    await page.reload();
    await page.waitForTimeout(300);
    assert.equal((await device.credentials()).length, 1, 'once is enough');
    await signOut(here);
    await page.goto(security(server));
    // The username field offers it, and the authenticator answers.
    await page.waitForSelector('h1:has-text("Security")');
    assert.deepEqual(complaints, []);
  });

  for (const kind of ['usb', 'u2f'] as const) {
    test(`as a security key (${kind}) follows the password`, async (t) => {
      const here = await open(t);
      const { server, page } = here;
      const person = await server.createAccount();
      await VirtualAuthenticator.plugIn(page, kind);
      await page.goto(security(server));
      await typePassword(page, person);
      await page.getByRole('button', { name: 'Add a security key' }).click();
      await page.waitForSelector('h3:has-text("Security key (USB)")');
      await signOut(here);
      await page.goto(security(server));
      await typePassword(page, person);
      assert.equal(await heading(page), 'Use your security key');
      await page.goto(server.issuer);
      assert.doesNotMatch(await page.locator('main').innerText(), /signed in/);
      await page.goto(security(server));
      await typePassword(page, person);
      await page.getByRole('button', { name: 'Use security key' }).click();
      await page.waitForURL(security(server));
      assert.equal(await heading(page), 'Security');
    });
  }

  test('that is added to another cannot sign in until it is approved; it can be renamed and removed', async (t) => {
    const here = await open(t);
    const { server, page } = here;
    const first = await VirtualAuthenticator.plugIn(page, 'platform');
    await signUp(here, 'mei');
    // A key of another device. The first is unplugged, because registered keys are excluded.
    const [kept] = await first.credentials();
    assert.ok(kept);
    await first.unplug();
    const second = await VirtualAuthenticator.plugIn(page, 'platform');
    await server.database.knex('T_webauthn_credentials').update({ last_used_at: null });
    await page.getByRole('button', { name: 'Add another passkey' }).click();
    await page.waitForSelector('text=Not approved');
    const [made] = await second.credentials();
    assert.ok(made);

    await page.getByRole('button', { name: 'Approve' }).click();
    await said(page).filter({ hasText: 'No passkey was used' }).waitFor();
    await second.restore(kept, 10);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForSelector('text=Not approved', { state: 'detached' });

    await page.locator('summary').first().click();
    await page.getByLabel('Name', { exact: true }).first().fill('Blue key');
    await page.getByRole('button', { name: 'Save' }).first().click();
    await page.waitForSelector('h3:has-text("Blue key")');
    await page.getByRole('button', { name: 'Remove Blue key' }).click();
    await page.waitForSelector('text=The key was removed');
    assert.equal(await page.locator('h3:has-text("Blue key")').count(), 0);
    await page.getByRole('button', { name: 'Remove This device' }).click();
    assert.match(await page.locator('main').innerText(), /the only key that can sign in/);

    await signOut(here);
    await second.restore(made, 10);
    await page.goto(security(server));
    await page.waitForURL(security(server));
    await page.waitForSelector('h1:has-text("Security")');
  });

  test('is created with an administrator’s link, once, after every key was lost', async (t) => {
    const here = await open(t);
    const { server, page, complaints } = here;
    const lost = await VirtualAuthenticator.plugIn(page, 'platform');
    await signUp(here, 'mei');
    await signOut(here);
    await lost.unplug();
    await VirtualAuthenticator.plugIn(page, 'platform');
    const { url } = await server.services.recovery.createRecoveryLink({ accountId: null }, 'mei');
    await page.goto(url);
    assert.equal(await heading(page), 'Get back into your account');
    assert.ok(!page.url().includes('token'));
    await page.getByRole('button', { name: 'Create a passkey' }).click();
    await page.waitForURL(`${security(server)}?done=recovered`);
    assert.equal(await page.locator('text=Not approved').count(), 0);
    assert.equal(await page.locator('h3').count(), 2);
    assert.deepEqual(complaints, []);
    const { context } = await watch(await launch(t));
    const eve = await context.newPage();
    await eve.goto(url);
    assert.match(await eve.locator('main').innerText(), /This link no longer works/);
  });

  test('can be tried again after a wrong key, a wrong finger, a copy or no key, and the page says which it was', async (t) => {
    const here = await open(t);
    const { server, page } = here;
    const device = await VirtualAuthenticator.plugIn(page, 'platform');
    await signUp(here, 'mei');
    const [key] = await device.credentials();
    assert.ok(key);
    await signOut(here);
    const press = () => page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    const refused = async (text: string | RegExp) => {
      await said(page).filter({ hasText: text }).waitFor();
      assert.match(await heading(page), /Sign in/);
    };
    await device.verifies(false);
    await page.goto(security(server));
    await press();
    await refused('No passkey was used');

    await server.database.knex('T_webauthn_credentials').update({ deleted_at: new Date() });
    await device.verifies(true);
    await press();
    await refused('That key did not let you in');

    await server.database.knex('T_webauthn_credentials').update({ deleted_at: null, sign_count: 1000 });
    await press();
    await refused('That key did not let you in');
    await device.restore(key, 2000);
    await press();
    await page.waitForURL(security(server));
  });

  test('can be cancelled to use the password; without JavaScript only the password is offered', async (t) => {
    const here = await open(t);
    const { server, page, complaints } = here;
    const person = await server.createAccount();
    await VirtualAuthenticator.plugIn(page, 'platform');
    await page.goto(security(server));
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await said(page).filter({ hasText: 'No passkey was used' }).waitFor();
    await typePassword(page, person);
    assert.equal(await heading(page), 'Security');
    assert.deepEqual(complaints, []);

    const { context } = await watch(await launch(t), { javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(security(server));
    assert.equal(await plain.getByRole('button', { name: 'Sign in with a passkey' }).isVisible(), false);
    await typePassword(plain, person);
    assert.equal(await heading(plain), 'Security');
    assert.equal(await plain.getByRole('button', { name: 'Add a passkey' }).isVisible(), false);
    await secondFactorOf(server).recoveryCodes.create(person.id);
  });
});
