import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';

describe('the pages for an application that nobody has checked', { skip }, () => {
  for (const { width, colorScheme, of } of LOOKS)
    test(`are accessible and fit at ${width} px in ${colorScheme}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const person = await server.createAccount();
      const redirect_uris = ['https://fieldnotes-for-everyone.harbour.example/callback'];
      const { body: client } = await register(server, { ...DESCRIPTION, redirect_uris });
      const { context } = await watch(await launch(t), {
        viewport: { width, height: 800 },
        colorScheme,
        bypassCSP: true,
      });
      const page = await context.newPage();
      const open = (params: Record<string, string>) =>
        page.goto(server.issuer + authorizeUrl(authorization(client, { scope: 'openid', ...params })));
      await open({ prompt: 'none' });
      await page.getByRole('link', { name: 'Go on to fieldnotes-for-everyone.harbour.example' }).waitFor();
      await audit(page, `unchecked-error-${of}`);
      await open({});
      await audit(page, `unchecked-sign-in-${of}`);
      await page.getByLabel('Username').fill(person.username);
      await page.getByLabel('Password').fill(person.password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await audit(page, `unchecked-consent-${of}`);
      await open({ prompt: 'select_account' });
      const [first, second] = await page.getByRole('button').all();
      assert.equal(await first?.innerText(), 'Continue as ada');
      const [above, below] = [await first?.boundingBox(), await second?.boundingBox()];
      assert.ok(above && below && below.y - above.y - above.height >= 8, 'the buttons touch each other');
      await audit(page, `unchecked-account-choice-${of}`);
    });
});
