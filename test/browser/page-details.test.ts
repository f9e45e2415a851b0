import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const CODE = 'aB3_'.repeat(10);

describe('small things on pages, in Chromium', { skip }, () => {
  test('a code is copied by a button, which is not shown without JavaScript', async (t) => {
    const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
    const { context, complaints } = await watch(await launch(t), {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    await page.goto(`${server.issuer}/code?code=${CODE}`);
    await page.getByRole('button', { name: 'Copy the code' }).click();
    await page.getByText('The code was copied.').waitFor();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), CODE);
    assert.deepEqual(complaints, []);

    const { context: plain } = await watch(await launch(t), { javaScriptEnabled: false });
    const without = await plain.newPage();
    await without.goto(`${server.issuer}/code?code=${CODE}`);
    assert.equal(await without.getByRole('button').count(), 0);
    assert.equal(await without.locator('.code').innerText(), CODE);
  });

  for (const width of [320, 1280])
    test(`an invitation code fits into its field at ${width} px`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const { context } = await watch(await launch(t), { viewport: { width, height: 800 } });
      const page = await context.newPage();
      await page.goto(`${server.issuer}/invitation`);
      const field = page.getByLabel('Invitation code');
      await field.fill('WWWWW-WWWWW-WWWWW-WWWWW-WWWWW-WWWWW');
      const { scrollWidth: content, clientWidth: box } = await field.evaluate((one) => {
        const { scrollWidth, clientWidth } = one as unknown as { scrollWidth: number; clientWidth: number };
        return { scrollWidth, clientWidth };
      });
      assert.ok(content <= box, `${content} px of text in ${box} px`);
    });

  test('the sign-in page waits for the username, and says without JavaScript what passkeys need', async (t) => {
    const server = await startServer(t, 'sqlite');
    const url = server.issuer + authorizeUrl(authorization(await server.createClient()));
    for (const javaScriptEnabled of [true, false]) {
      const { context } = await watch(await launch(t), { javaScriptEnabled });
      const page = await context.newPage();
      await page.goto(url);
      assert.equal(await page.locator(':focus').getAttribute('id'), 'username');
      // Chromium shows no <noscript> when a test, not its user, turned scripts off.
      assert.match(await page.content(), /<noscript><p[^>]*>Passkeys need JavaScript/);
    }
  });

  test('a narrow window has all sections behind one button, also without JavaScript', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid latchkey:*');
    const { context, complaints } = await watch(await launch(t), {
      viewport: { width: 320, height: 640 },
      javaScriptEnabled: false,
    });
    const page = await context.newPage();
    await page.goto(`${server.issuer}/account/security`);
    await page.getByLabel('Username').fill(person.username);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    for (const path of ['/account/sessions', '/admin/signing-keys']) {
      await page.goto(server.issuer + path);
      const links = page.locator('nav a');
      const last = links.filter({ hasText: 'Sign out…' });
      assert.equal(await last.isVisible(), false);
      const { height = 0 } = (await page.locator('header').boundingBox()) ?? {};
      assert.ok(height < 80, `the header has ${height} px`);
      await page.getByRole('button', { name: 'Menu' }).focus();
      await page.keyboard.press('Enter');
      for (const link of await links.all()) {
        const box = (await link.boundingBox()) ?? { x: -1, width: 0, height: 0 };
        assert.ok(box.x >= 0 && box.x + box.width <= 320 && box.height >= 44, JSON.stringify(box));
      }
      await page.keyboard.press('Tab');
      assert.equal(await page.locator(':focus').innerText(), await links.first().innerText());
      await page.keyboard.press('Escape');
      assert.equal(await last.isVisible(), false);
      assert.equal(await page.locator(':focus').innerText(), 'Menu');
    }
    assert.deepEqual(complaints, []);
  });
});
