import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { authorization, authorizeUrl } from '../support/relying-party.ts';
import { startServer } from '../support/server.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const skip = executablePath ? false : 'Chromium was not found';
const shots = process.env.LATCHKEY_TEST_SHOTS;

async function audit(page: Page, name: string): Promise<void> {
  const found = (await page.evaluate(
    `${axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | ')))`,
  )) as string[];
  assert.deepEqual(found, [], name);
  const wide = await page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
  assert.equal(wide, false, `${name} scrolls sideways`);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

describe('every page', { skip }, () => {
  for (const width of [320, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`is accessible and fits at ${width} px in ${colorScheme}, and weighs less than 30 kB`, async (t) => {
        const server = await startServer(t, 'sqlite');
        const person = await server.createAccount('ada.okafor', 'openid profile email calendar:*');
        const client = await server.createClient({
          scope: 'openid profile email calendar:write calendar.read',
        });
        const browser = await launch(t);
        // axe is put in by hand, which the page's own policy rightly forbids.
        const { context, hosts } = await watch(browser, {
          viewport: { width, height: 800 },
          colorScheme,
          bypassCSP: true,
        });
        const page = await context.newPage();
        let weight = 0;
        page.on('response', async (response) => {
          weight += (await response.body().catch(() => Buffer.alloc(0))).length;
        });
        const look = (name: string) => audit(page, `${name}-${width}-${colorScheme}`);
        const scope = 'openid profile email calendar:write offline_access';
        const url = server.issuer + authorizeUrl(authorization(client, { scope, prompt: 'consent' }));

        await page.goto(server.issuer);
        await look('home');
        await page.goto(url);
        await look('sign-in');
        assert.ok(weight < 60_000, `two pages weigh ${weight}`);
        await page.getByLabel('Username').fill(person.username);
        await page.getByLabel('Password').fill('wrong');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await look('sign-in-error');
        await page.getByLabel('Password').fill(person.password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await look('consent');
        await page.locator('summary').click();
        await look('consent-details');
        await page.goto(server.issuer);
        await look('home-signed-in');
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
  }
});
