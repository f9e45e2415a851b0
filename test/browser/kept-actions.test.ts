import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { invite } from '../support/builders/invitation.ts';
import { age } from '../support/builders/signed-in.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();

describe('every page on which an action is kept', { skip }, () => {
  for (const { width, colorScheme, of } of LOOKS) {
    test(`is accessible and fits at ${width} px in ${colorScheme}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const ada = await server.createAccount('ada.okafor');
      const client = await server.createClient({ name: 'Fieldnotes of the harbour office' });
      const viewport = { width, height: 800 };
      const { context } = await watch(await launch(t), { viewport, colorScheme, bypassCSP: true });
      const page = await context.newPage();
      const look = (name: string) => audit(page, `${name}-${of}`);
      const signIn = async () => {
        await page.getByLabel('Username').fill(ada.username);
        await page.getByLabel('Password').fill(ada.password);
        await press(page, /^Sign in$/);
      };

      await page.goto(server.issuer + authorizeUrl(authorization(client)));
      await context.clearCookies({ name: 'latchkey_authorization' });
      await page.reload();
      await look('sign-in-ended');

      const { url } = await invite(server, { label: 'Mei of the harbour office', roles: ['editor'] });
      await page.goto(url);
      await page.getByRole('link', { name: 'I already have an account' }).click();
      await signIn();
      await look('invitation-who');
      await press(page, /ada\.okafor/);
      await look('security');

      await age(server);
      await press(page, 'Create ten recovery codes');
      await look('confirm-sign-in');
      await page.getByLabel('Password').fill(ada.password);
      await press(page, /^Sign in$/);
      await look('confirm-ready');
      await press(page, 'Create recovery codes');
      await look('recovery-codes');

      await page.goto(`${server.issuer}/account/email`);
      await page.locator('#email').fill('ada@elsewhere.example');
      await page.getByLabel('Current password').fill(ada.password);
      await server.database.knex('T_user_sessions').delete();
      await press(page, 'Send link');
      await look('form-kept');
      await signIn();
      assert.equal(await page.locator('#email').inputValue(), 'ada@elsewhere.example');
      await look('form-shown-again');
      await page.goto(`${server.issuer}/account/security/app`);
      await look('page-of-a-form');
    });
  }
});
