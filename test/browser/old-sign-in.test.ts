import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { age } from '../support/builders/signed-in.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const skip = executablePath ? false : 'Chromium was not found';

async function openSecurity(t: TestContext) {
  const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
  const person = await server.createAccount();
  const { context, complaints } = await watch(await launch(t));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const security = `${server.issuer}/account/security`;
  await page.goto(security);
  await typePassword(page, person);
  await page.waitForURL(security);
  return { server, person, page, security, complaints };
}

async function typePassword(page: Page, person: { username: string; password: string }): Promise<void> {
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

const press = (page: Page, name: RegExp) => page.getByRole('button', { name }).click();

describe('an old sign-in', { skip }, () => {
  for (const [what, kind] of [
    ['a passkey', 'platform'],
    ['a security key', 'usb'],
  ] as const)
    for (const when of ['before', 'after'])
      test(`${what} is added with one press, if the page was opened ${when} it was too old`, async (t) => {
        const { server, person, page, security, complaints } = await openSecurity(t);
        await age(server);
        if (when === 'after') await page.goto(security);
        await VirtualAuthenticator.plugIn(page, kind);
        await press(page, new RegExp(`^Add ${what}`));
        await page.waitForSelector(`h1:has-text("Confirm it is you to add ${what}")`);
        await typePassword(page, person);
        await page.waitForSelector('main ul h3');
        assert.equal(page.url(), security);
        await page.reload();
        await page.waitForTimeout(300);
        assert.equal(await page.locator('main ul h3').count(), 1, 'a reload adds none');
        assert.deepEqual(
          complaints.filter((text) => !text.includes('401')),
          [],
        );
      });

  test('a key is approved with one press', async (t) => {
    const { server, person, page } = await openSecurity(t);
    const device = await VirtualAuthenticator.plugIn(page, 'platform');
    await press(page, /^Add a passkey/);
    await page.waitForSelector('main ul h3');
    const [kept] = await device.credentials();
    assert.ok(kept);
    await device.unplug();
    const other = await VirtualAuthenticator.plugIn(page, 'platform');
    await server.database.knex('T_webauthn_credentials').update({ last_used_at: null });
    await press(page, /^Add another passkey/);
    await page.waitForSelector('text=Not approved');
    await other.restore(kept, 10);
    await age(server);
    await other.touched(false);
    await press(page, /^Approve/);
    await page.waitForSelector('h1:has-text("Confirm it is you to approve")');
    await other.touched(true);
    await typePassword(page, person);
    await page.waitForSelector('text=Not approved', { state: 'detached' });
    assert.equal(await page.locator('main ul h3').count(), 2);
  });

  test('that is renewed by another account begins nothing', async (t) => {
    const { server, page, security } = await openSecurity(t);
    const eve = await server.createAccount('eve');
    await VirtualAuthenticator.plugIn(page, 'platform');
    await age(server);
    await press(page, /^Add a passkey/);
    await page.waitForSelector('h1:has-text("Confirm it is you")');
    await page.getByLabel('Username').fill(eve.username);
    await page.getByLabel('Password').fill(eve.password);
    await press(page, /^Sign in$/);
    await page.waitForLoadState('networkidle');
    await page.goto(security);
    await page.waitForTimeout(300);
    assert.equal((await server.database.knex('T_webauthn_credentials')).length, 0);
  });
});
