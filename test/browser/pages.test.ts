import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

/** A square, as the logo of an application. */
const LOGO = `data:image/svg+xml;base64,${btoa('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#c60" d="M0 0h8v8H0z"/></svg>')}`;
const skip = executablePath ? false : 'Chromium was not found';
describe('every page', { skip }, () => {
  for (const { width, colorScheme, of } of LOOKS) {
    test(`is accessible and fits at ${width} px in ${colorScheme}, and weighs less than 30 kB`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const person = await server.createAccount('ada.okafor', 'openid profile email calendar:*');
      const client = await server.createClient({
        scope: 'openid profile email calendar:write calendar.read',
        logoUri: LOGO,
      });
      const browser = await launch(t);
      // The page's Content-Security-Policy would block axe, which is injected.
      const { context, hosts } = await watch(browser, {
        viewport: { width, height: 800 },
        colorScheme,
        bypassCSP: true,
      });
      const page = await context.newPage();
      let weight = 0;
      // As they were sent. Every page has the style sheet and the logo, which the browser loads once.
      const assets = new Map<string, number>();
      const weightOfAssets = () => [...assets.values()].reduce((sum, one) => sum + one, 0);
      page.on('response', async (response) => {
        const { responseBodySize: length } = await response.request().sizes();
        if (/\/assets\/(latchkey|logo)\./.test(response.url())) assets.set(response.url(), length);
        else weight += length;
      });
      const look = (name: string) => audit(page, `${name}-${of}`);
      const scope = 'openid profile email calendar:write offline_access';
      const url = server.issuer + authorizeUrl(authorization(client, { scope, prompt: 'consent' }));

      await page.goto(server.issuer);
      await look('home');
      await page.goto(url);
      await look('sign-in');
      assert.ok(weight + weightOfAssets() < 60_000, `two pages weigh ${weight} and ${weightOfAssets()}`);
      await page.getByLabel('Username').fill(person.username);
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await look('sign-in-error');
      await page.getByLabel('Password').fill(person.password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await look('consent');
      await page.locator('summary').click();
      await look('consent-details');
      await signInWith(server, client, person, { scope: 'openid profile' });
      await page.goto(server.issuer + authorizeUrl(authorization(client, { scope })));
      await look('consent-more');
      await page.goto(server.issuer);
      await look('home-signed-in');
      await page.goto(`${server.issuer}/account/security`);
      await look('account');
      await page.getByLabel('Current password').fill('wrong');
      await page.getByLabel('New password').fill('short');
      await page.getByRole('button', { name: 'Change password' }).click();
      await look('account-error');
      server.services.notify(person.id, 'password_changed');
      await server.settled();
      await page.goto(server.issuer + String(server.sink.mails.at(-1)?.link));
      await look('not-me');
      await page.goto(`${server.issuer}/admin`);
      await look('admin-refused');
      await server.database
        .knex('T_accounts')
        .update({ scopes: JSON.stringify([...person.scopes, 'latchkey:*']) });
      await invite(server, { label: 'The whole crew of the harbour ferry', maxUses: 12 });
      const { code } = await invite(server, { label: 'Tomasz', roles: ['editor'] });
      const newcomer = await open(server, code);
      await signUp(newcomer.browser, newcomer.page, { username: 'tomasz.zielinski' });
      await page.goto(`${server.issuer}/admin`);
      await look('admin-invitations');
      await page.getByRole('link', { name: 'Tomasz' }).click();
      await look('admin-invitation');
      await page.getByLabel(/Also take back/).check();
      await page.getByRole('button', { name: 'Revoke invitation' }).click();
      await look('admin-invitation-withdrawn');
      await page.goto(`${server.issuer}/admin/invitations/new`);
      await look('admin-invite');
      await page.getByLabel('Scopes').fill('openid files:write');
      await page.getByLabel('How many').fill('0');
      await page.getByRole('button', { name: 'Create invitation' }).click();
      await look('admin-invite-error');
      await page.getByLabel('Scopes').fill('openid profile');
      await page.getByLabel('For', { exact: true }).or(page.locator('#label')).first().fill('Ines Duarte');
      await page.getByLabel('How many').fill('1');
      await page.getByRole('button', { name: 'Create invitation' }).click();
      await look('admin-invitation-made');
      await page.goto(`${server.issuer}/admin/invitations/new`);
      await page.getByLabel('How many').fill('8');
      await page.getByRole('button', { name: 'Create invitation' }).click();
      await look('admin-invitations-made');
      await page.goto(`${server.issuer}/admin/invitations`);
      await look('admin-invitations-batch');
      await page.locator('a[href*="batch="]').click();
      await look('admin-batch');
      await page.getByRole('button', { name: 'Revoke all of these invitations' }).click();
      await look('admin-batch-revoked');
      await page.goto(`${server.issuer}/session/end`);
      await look('sign-out');
      await page.getByRole('button', { name: 'Stay signed in' }).click();
      await look('stay');
      await page.goto(`${server.issuer}/session/end`);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await look('signed-out');
      await page.goto(`${server.issuer}/code?code=${'aB3_'.repeat(10)}abc`);
      await look('code');
      await page.goto(`${server.issuer}/auth?client_id=nobody`);
      await look('error');
      await page.goto(`${server.issuer}/nowhere`);
      await look('nowhere');
      assert.deepEqual([...hosts], [new URL(server.issuer).host]);
    });
  }
});
