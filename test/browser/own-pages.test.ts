import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { findRoute, ROUTES } from '../../src/web/routes.ts';
import type { Browser } from '../support/browser.ts';
import { askForSignIn, createTill } from '../support/builders/ciba.ts';
import { invite } from '../support/builders/invitation.ts';
import { addMotion, createPerson } from '../support/builders/person.ts';
import { visit } from '../support/builders/signed-in.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { audit, LOOKS } from '../support/page-audit.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';

const isOurs = (path: string) => path === '/' || /^\/(account|admin)(\/|$)/.test(path);

/** For each page with fields, what its form refuses, by the id of the field. The last one is sent with Enter. */
const WRONG: Record<string, Record<string, string>> = {
  '/account/security': { current: 'not the password', password: 'a new and long password' },
  '/account/email': { email: 'mei@x.example', current: 'not the password' },
  '/account/profile': { name: 'x'.repeat(400) },
  '/account/data': { confirm: 'somebody else' },
  '/admin/invitations/new': { scope: 'notes:read', count: '0' },
};

/** Numbers what the keyboard can reach, in the order of the page, and notes what gets the focus. Runs in the page. */
const WATCH_FOCUS = `(() => {
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
  const reached = all.filter((one) => one.checkVisibility());
  window.visited = [];
  window.unmarked = [];
  document.addEventListener('focusin', ({ target }) => {
    window.visited.push(reached.indexOf(target));
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) window.unmarked.push(target.outerHTML);
  });
  document.activeElement.blur();
  return reached.length;
})()`;

/** The same session in Chromium. */
async function enter(context: BrowserContext, { cookies, issuer }: Browser): Promise<void> {
  const list = [...cookies].map(([key, { value, path }]) => ({
    name: String(key.split(' ')[1]),
    value,
    domain: new URL(issuer).hostname,
    path,
  }));
  await context.addCookies(list);
}

/** Reaches every control with Tab, in the order of the page, and sees which has the focus. */
async function tabThrough(page: Page, path: string): Promise<void> {
  const count = Number(await page.evaluate(WATCH_FOCUS));
  for (let presses = 0; presses < count; presses += 1) await page.keyboard.press('Tab');
  const order = Array.from({ length: count }, (_, index) => index);
  assert.deepEqual(await page.evaluate('window.visited'), order, `${path}: in the order of the page`);
  assert.deepEqual(await page.evaluate('window.unmarked'), [], `${path}: the focus is seen`);
}

describe('every page of the account and of the console', { skip }, () => {
  for (const { width, colorScheme, of } of LOOKS)
    test(`is reached by keyboard, accessible, and weighs less than 30 kB, at ${of}`, async (t) => {
      const server = await startServer(t, 'sqlite', { hostname: 'localhost' });
      await addMotion(server);
      const mei = await createPerson(server, 'mei', 'openid profile phone address latchkey:*');
      await invite(server, { maxUses: 3 });
      await askForSignIn(server, await createTill(server), { login_hint: 'mei', binding_message: 'Till 4' });
      const viewport = { width, height: 800 };
      const { context, complaints } = await watch(await launch(t), {
        viewport,
        colorScheme,
        bypassCSP: true,
      });
      await enter(context, mei.browser);
      const page = await context.newPage();
      const weights = new Map<string, number>();
      page.on('response', async (response) => {
        const { responseBodySize } = await response.request().sizes();
        const { pathname, search } = new URL(response.url());
        const path = pathname + search;
        // A file that is in the browser's cache already counts for every page.
        weights.set(path, Math.max(responseBodySize, weights.get(path) ?? 0));
      });

      const paths = ROUTES.filter(({ path, servedBy }) => servedBy === 'pages' && isOurs(path)).map(
        ({ path }) => path,
      );
      const waiting = paths.filter((path) => !path.includes(':'));
      const seen = new Set(waiting);
      const shown = new Set<string>();
      for (const path of waiting) {
        const answer = await page.request.get(server.issuer + path, { maxRedirects: 0 });
        if (answer.status() !== 200 || !answer.headers()['content-type']?.startsWith('text/html')) continue;
        await page.goto(server.issuer + path);
        await audit(page, `own${path.replaceAll(/\W/g, '-')}-${of}`);
        await tabThrough(page, path);
        shown.add(path);
        const files: string[] = await page
          .locator('link, script, img')
          .evaluateAll((all) =>
            all.map((one) => String(one.getAttribute('href') ?? one.getAttribute('src'))),
          );
        const weight = [path, ...files].reduce((sum, file) => sum + (weights.get(file) ?? 0), 0);
        t.diagnostic(`${path}: ${weight}`);
        assert.ok(weight > 3000 && weight < 30_000, `${path} weighs ${weight}`);
        for (const link of await page.locator('main a').all()) {
          const { pathname, search } = new URL(String(await link.getAttribute('href')), server.issuer);
          // Of the links that differ in their query alone, one stands for all.
          const key = search === '' ? pathname : `${pathname}?`;
          if (!isOurs(pathname) || !findRoute(pathname) || seen.has(key)) continue;
          seen.add(key);
          waiting.push(pathname + search);
        }
      }
      assert.ok(shown.size > 15, [...shown].join());
      assert.deepEqual(complaints, []);
    });

  test('has the focus on its summary of errors, whose links lead to the fields, without JavaScript', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid latchkey:invitations');
    const { context } = await watch(await launch(t), { javaScriptEnabled: false });
    const { browser } = await visit(server, person, '/account/security');
    await enter(context, browser);
    const page = await context.newPage();
    for (const [path, wrong] of Object.entries(WRONG)) {
      await page.goto(server.issuer + path);
      for (const [id, text] of Object.entries(wrong)) await page.locator(`#${id}`).fill(text);
      const [last = ''] = Object.keys(wrong).slice(-1);
      await page.locator(`#${last}`).focus();
      await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
      assert.match(await page.title(), /^Error: /, path);
      assert.equal(await page.locator(':focus').getAttribute('role'), 'alert', path);
      await page.keyboard.press('Tab');
      const link = page.locator(':focus');
      const field = String(await link.getAttribute('href')).slice(1);
      assert.ok(field in wrong, `${path}: ${field}`);
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      const invalid = await page.locator(`#${field}`).getAttribute('aria-invalid');
      assert.deepEqual([invalid, await page.locator(`#${field}`).isVisible()], ['true', true], path);
    }
  });
});
