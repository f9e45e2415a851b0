import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSignInGoogle } from '../support/builders/connected-sign-in.ts';
import { invite } from '../support/builders/invitation.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';

const withScript = (look: (typeof LOOKS)[number]) => ({ ...look, javaScriptEnabled: true });

describe('signing in with an account of another service', { skip }, () => {
  test('a person signs up, signs in, adds a connection and ends it, with and without JavaScript', async (t) => {
    const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
    const google = await addSignInGoogle(t, server);
    google.knobs.showsConsent = true;
    const browser = await launch(t);
    // axe needs JavaScript, and people may have none.
    const plain = { width: 320, colorScheme: 'light', of: 'plain', javaScriptEnabled: false } as const;
    for (const { width, colorScheme, of, javaScriptEnabled } of [plain, ...LOOKS.map(withScript)]) {
      const { context, complaints } = await watch(browser, {
        viewport: { width, height: 700 },
        colorScheme,
        javaScriptEnabled,
      });
      const page = await context.newPage();
      const look = async (name: string) => {
        if (javaScriptEnabled) await audit(page, `connected-${name}-${of}`);
      };
      const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
      const text = () => page.locator('main').innerText();
      const allow = async () => {
        await page.getByText('Choose what it can access').waitFor();
        assert.doesNotMatch(await page.locator('body').innerText(), /calendar|gmail/);
        await press('Continue');
      };
      const username = `mei.${of}`;
      google.knobs.user = { sub: `sub-${of}`, email: `${username}@gmail.example`, name: 'Mei' };
      const { code } = await invite(server, { scope: 'openid profile email' });

      await page.goto(`${server.issuer}/invitation?code=${code}`);
      await look('sign-up');
      await page.getByLabel('Choose a username').fill(username);
      await press('Continue with Google');
      await allow();
      await page.waitForURL(/\/account\/security/);
      assert.match(await text(), /With your account at Google\./);
      await look('security');
      await page.goto(`${server.issuer}/account/connections/google`);
      assert.match(await text(), /Only for signing in/);
      await look('connection');
      await press(/^Stop signing in with it/);
      assert.match(await text(), /This is the only way to sign in to your account/);
      await look('last-way');

      await context.clearCookies();
      await page.goto(`${server.issuer}/account/security`);
      await look('sign-in');
      await press('Continue with Google');
      await allow();
      await page.waitForURL(/\/account\/security/);

      await context.clearCookies();
      google.knobs.user = { ...google.knobs.user, sub: `other-${of}` };
      await page.goto(`${server.issuer}/account/connections/google`);
      await press('Continue with Google');
      await allow();
      await page.getByText('does not sign in to an account here').waitFor();
      await look('unknown');
      const ada = await server.createAccount(`ada.${of}`);
      await page.getByRole('link', { name: 'Sign in another way' }).click();
      await page.getByLabel('Username').fill(ada.username);
      await page.getByLabel('Password').fill(ada.password);
      await press(/^Sign in$/);
      await page.waitForURL(/\/account\/connections\/google/);
      await press('Connect Google');
      await page.getByText('Choose what it can access').waitFor();
      await press('Continue');
      await press(/^Sign in with it/);
      assert.match(await page.getByRole('status').innerText(), /You can sign in with that account/);
      await look('switched-on');
      await press(/^Stop signing in with it/);
      assert.match(await page.getByRole('status').innerText(), /can no longer be used to sign in/);
      assert.deepEqual(
        complaints.filter((line) => !/status of 4(01|09)/.test(line)),
        [],
      );
      await context.close();
    }
  });
});
