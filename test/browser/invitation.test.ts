import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { OPERATOR } from '../support/builders/invitation.ts';
import { forgot } from '../support/builders/password-reset.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startApplication } from '../support/example-application.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const NEXT = 'seven boats on the tide';

async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
}

/** Opens the part of the sign-up form with the password: the passkey comes first. */
const choosePassword = (page: Page) => page.getByText('Use a password instead').click();

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

describe('people with an invitation, in Chromium', { skip }, () => {
  for (const javaScriptEnabled of [true, false]) {
    test(`get from the set-up link to an application, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const { home } = await startApplication(t, server);
      const browser = await launch(t);

      const administrator = await watch(browser, { javaScriptEnabled });
      const adminPage = await administrator.context.newPage();
      const { url } = await server.invitations.createSetUpLink(OPERATOR);
      await adminPage.goto(url);
      assert.equal(await adminPage.locator('h1').innerText(), 'Set up this server');
      assert.ok(!adminPage.url().includes('code='), 'the address bar has no code');
      await choosePassword(adminPage);
      await fill(adminPage, { 'Choose a username': 'ada', Password: PASSWORD });
      await press(adminPage, 'Create account with a password');
      assert.equal(new URL(adminPage.url()).pathname, '/account/security');
      await adminPage.getByRole('link', { name: 'Administration' }).click();
      await adminPage.getByRole('link', { name: 'Invite someone' }).click();
      await adminPage.locator('#label').fill('Mei from the boatyard');
      await adminPage.getByLabel('Scopes').fill('openid profile');
      await press(adminPage, 'Create invitation');
      const code = await adminPage.locator('.code').innerText();

      const newcomer = await watch(browser, { javaScriptEnabled });
      const page = await newcomer.context.newPage();
      await page.goto(home);
      await press(page, 'Sign in');
      await page.getByRole('link', { name: 'I have an invitation' }).click();
      await fill(page, { 'Invitation code': code.toLowerCase().replaceAll('-', ' ') });
      await press(page, 'Continue');
      assert.equal(await page.locator('h1').innerText(), 'ada invited you');
      await choosePassword(page);
      await fill(page, { 'Choose a username': 'mei', 'Your name': 'Mei Lin', Password: 'short' });
      await press(page, 'Create account with a password');
      assert.match(await page.title(), /^Error: /);
      await fill(page, { Password: PASSWORD, 'E-mail address': 'mei@boatyard.example' });
      await press(page, 'Create account with a password');
      assert.match(await page.locator('h1').innerText(), /Allow Fieldnotes/);
      await press(page, 'Allow');
      await page.waitForURL(`${home}/`);
      const text = await page.locator('main').innerText();
      assert.match(text, /Mei Lin/);
      assert.doesNotMatch(text, /mei@boatyard\.example/, 'only the scopes of the invitation');
      assert.deepEqual((await server.accounts.show('mei')).scopes, ['openid', 'profile']);

      const { link = '' } = await server.sink.to('mei@boatyard.example');
      await page.goto(server.issuer + link);
      await press(page, 'Confirm address');
      assert.equal((await server.accounts.show('mei')).email_verified, true);

      await adminPage.goto(`${server.issuer}/admin/invitations`);
      await adminPage.getByRole('link', { name: 'Mei from the boatyard' }).click();
      assert.match(await adminPage.locator('main').innerText(), /mei/);
      for (const { complaints } of [administrator, newcomer])
        assert.deepEqual(
          complaints.filter((text) => !/400/.test(text)),
          [],
        );
    });
  }

  for (const { width, colorScheme, of } of LOOKS) {
    test(`see pages that are accessible and fit at ${width} px in ${colorScheme}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      await server.createAccount('ada', 'openid profile');
      // The page's Content-Security-Policy would block axe, which is injected.
      const viewport = { width, height: 800 };
      const { context } = await watch(await launch(t), { viewport, colorScheme, bypassCSP: true });
      const page = await context.newPage();
      const look = (name: string) => audit(page, `${name}-${of}`);
      const made = await server.invitations.create(
        OPERATOR,
        {
          scope: 'openid profile email calendar:write offline_access',
          roles: ['editor'],
          label: 'The whole crew of the harbour ferry',
          email: 'tomasz.zielinski@harbour.example',
        },
        2,
      );
      await page.goto(`${server.issuer}/invitation`);
      await look('invitation-code');
      await fill(page, { 'Invitation code': 'K7QF2-2XWM9' });
      await press(page, 'Continue');
      await look('invitation-code-error');
      await page.goto(made[0]?.url ?? '');
      await look('invitation-offer');
      await choosePassword(page);
      await fill(page, { 'Choose a username': 'a b', Password: 'harbour' });
      await press(page, 'Create account with a password');
      await look('invitation-offer-error');
      await fill(page, { 'Choose a username': 'tomasz', Password: PASSWORD });
      await press(page, 'Create account with a password');
      await look('account-unconfirmed');
      await page.goto(made[1]?.url ?? '');
      await look('invitation-signed-in');
      const { link = '' } = await server.sink.to('tomasz.zielinski@harbour.example');
      await page.goto(server.issuer + link);
      await look('verify');
      await press(page, 'Confirm address');
      await look('verified');
      await page.goto(server.issuer + link);
      await look('link-over');
      await page.goto(`${server.issuer}/account/email`);
      await look('email');
      await fill(page, { 'New e-mail address': 'nowhere@x', 'Current password': 'wrong' });
      await press(page, 'Send link');
      await look('email-error');
      await page.goto(`${server.issuer}/forgot`);
      await look('forgot');
      await forgot(server, 'ada@harbour.example');
      const reset = await server.sink.to('ada@harbour.example');
      await page.goto(server.issuer + (reset.link ?? ''));
      await look('reset');
      await fill(page, { 'New password': 'short' });
      await press(page, 'Set password');
      await look('reset-error');
      await fill(page, { 'New password': NEXT });
      await press(page, 'Set password');
      await look('reset-done');
    });
  }
});
