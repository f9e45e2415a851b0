import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askForCode, createDeviceClient } from '../support/builders/device.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
/** In bytes. */
const MAX_PAGE = 30_000;

describe('connecting a device, in Chromium', { skip }, () => {
  for (const { width, colorScheme, of } of LOOKS)
    test(`takes pages that are accessible and small, at ${of}`, async (t) => {
      const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
      const { username, password } = await server.createAccount();
      const client = await createDeviceClient(server);
      const { user_code } = await askForCode(server, client, { scope: 'openid profile email' });
      const options = { viewport: { width, height: 800 }, colorScheme, bypassCSP: true };
      const { context } = await watch(await launch(t), options);
      const page = await context.newPage();
      const check = async (name: string) => {
        assert.ok((await page.content()).length < MAX_PAGE, name);
        await audit(page, `device-${name}-${of}`);
      };
      await page.goto(`${server.issuer}/device`);
      await check('enter-code');
      await page.getByLabel('Code on the device').fill('BBBB-CCCC');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('This code is not known').first().waitFor();
      await check('unknown-code');
      await page.getByLabel('Code on the device').fill(user_code.toLowerCase());
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('If somebody sent you this code').waitFor();
      await check('confirm');
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await page.getByLabel('Username').fill(username);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByText('You will continue on your device').waitFor();
      await check('consent');
      await page.getByRole('button', { name: 'Allow' }).click();
      await page.getByRole('heading', { name: 'Your device is connected' }).waitFor();
      await check('connected');
      const other = await askForCode(server, client);
      await page.goto(other.verification_uri_complete);
      await page.getByText(username).waitFor();
      await check('confirm-signed-in');
      await page.getByRole('button', { name: 'Do not connect' }).click();
      await page.getByRole('heading', { name: 'Your device was not connected' }).waitFor();
      await check('stopped');
    });
});
