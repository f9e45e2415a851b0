import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { invite } from '../support/builders/invitation.ts';
import { codeOf, secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const skip = executablePath ? false : 'Chromium was not found';

describe('every page of passkeys and second factors', { skip }, () => {
  for (const { width, colorScheme } of LOOKS) {
    test(`is accessible and fits at ${width} px in ${colorScheme}, and weighs less than 30 kB`, async (t) => {
      const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
      const person = await server.createAccount('ada.okafor');
      const viewport = { width, height: 800 };
      const { context } = await watch(await launch(t), { viewport, colorScheme, bypassCSP: true });
      const page = await context.newPage();
      const weights = new Map<string, number>();
      page.on('response', async (response) => {
        const size = (await response.body().catch(() => Buffer.alloc(0))).length;
        weights.set(new URL(response.url()).pathname, size);
      });
      /** The size of the page and of everything it loads, including what the cache has already. */
      const look = async (name: string) => {
        await audit(page, `${name}-${width}-${colorScheme}`);
        const html = Buffer.byteLength(await page.content());
        const files = await page
          .locator('link[href^="/assets"], script[src^="/assets"]')
          .evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? one.getAttribute('src')));
        const loaded = files.reduce((sum, file) => sum + (weights.get(String(file)) ?? 0), html);
        assert.ok(loaded > 9000 && loaded < 30_000, `${name} weighs ${loaded}`);
        t.diagnostic(`${name}: ${loaded}`);
      };
      const security = `${server.issuer}/account/security`;
      const typePassword = async () => {
        await page.getByLabel('Username').fill(person.username);
        await page.getByLabel('Password').fill(person.password);
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      };

      const { url } = await invite(server, { label: 'Mei of the harbour office' });
      await page.goto(url);
      await look('offer');
      await context.clearCookies();
      await page.goto(security);
      await look('passkey-sign-in');
      await typePassword();
      await look('security-empty');
      const device = await VirtualAuthenticator.plugIn(page, 'platform');
      await page.getByRole('button', { name: 'Add a passkey' }).click();
      await page.waitForSelector('h3');
      const usb = await VirtualAuthenticator.plugIn(page, 'usb');
      await page.getByRole('button', { name: 'Add a security key' }).click();
      await page.waitForSelector('text=Not approved');
      await look('security-keys');
      await page.locator('summary').first().click();
      await look('security-rename');
      await device.unplug();
      await usb.unplug();

      await server.database.knex('T_webauthn_credentials').update({ deleted_at: new Date() });
      await page.goto(security);
      await page.getByRole('button', { name: 'Set up an app…' }).click();
      await look('app');
      await page.getByLabel('Code').fill('000000');
      await page.getByRole('button', { name: 'Confirm' }).click();
      await look('app-error');
      await page.goto(security);
      await page.getByRole('button', { name: 'Create ten recovery codes' }).click();
      await look('recovery-codes');
      assert.equal(await page.locator('li.mono').count(), 10);

      const secret = await withApp(server, person);
      await server.database.knex('T_webauthn_credentials').update({ deleted_at: null });
      await context.clearCookies();
      await page.goto(security);
      await typePassword();
      await look('second-factor');
      await page.getByLabel('Code').fill('000000');
      await page.getByRole('button', { name: 'Continue' }).click();
      await look('second-factor-error');
      await page.getByRole('link', { name: 'Use a recovery code' }).click();
      await look('second-factor-recovery');
      await page.getByRole('link', { name: 'Use your key instead' }).click();
      await page.getByLabel('Code').fill(codeOf(secret));
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(security);
      await look('security-all');
      assert.ok((await secondFactorOf(server).getFactors(person.id)).totp);

      await page.goto(
        (await server.services.recovery.createRecoveryLink({ accountId: null }, person.username)).url,
      );
      await look('recover');
    });

    test(`is accessible and fits where a second factor is required, at ${width} px in ${colorScheme}`, async (t) => {
      const secondFactor = { everyone: true, scopes: [], roles: [] };
      const server = await startServer(t, 'sqlite', { hostname: 'localhost', config: { secondFactor } });
      const person = await server.createAccount('ada.okafor');
      const viewport = { width, height: 800 };
      const { context } = await watch(await launch(t), { viewport, colorScheme, bypassCSP: true });
      const page = await context.newPage();
      await page.goto(`${server.issuer}/account/security`);
      await page.getByLabel('Username').fill(person.username);
      await page.getByLabel('Password').fill(person.password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      assert.match(await page.locator('h1').innerText(), /Set up a second factor/);
      await audit(page, `enrol-${width}-${colorScheme}`);
      await VirtualAuthenticator.plugIn(page, 'platform');
      await page.getByRole('button', { name: 'Create a passkey' }).click();
      await page.waitForSelector('h1:has-text("Save your recovery codes")');
      await audit(page, `enrol-recovery-codes-${width}-${colorScheme}`);
      await page.getByRole('link', { name: 'I have saved the codes' }).click();
      await page.waitForURL(`${server.issuer}/account/security`);
    });
  }
});
