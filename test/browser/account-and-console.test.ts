import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const NEXT = 'seven boats on the tide';

/** Presses Tab until the element with that text has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const script = `(() => {
    const { activeElement: at } = document;
    return (at.labels?.[0] ?? at).textContent.trim();
  })()`;
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    if (String(await page.evaluate(script)).startsWith(name)) return;
  }
  assert.fail(`${name} is not reached by the keyboard`);
}

describe('the account pages and the console', { skip }, () => {
  test('work without JavaScript and without a mouse, and Back does not show a code again', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid profile latchkey:invitations');
    const { context, complaints, hosts } = await watch(await launch(t), { javaScriptEnabled: false });
    const page = await context.newPage();
    const type = async (name: string, text: string) => {
      await tabTo(page, name);
      await page.keyboard.type(text);
    };
    const enter = () => Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
    await page.goto(`${server.issuer}/account`);
    await type('Username', person.username);
    await type('Password', person.password);
    await enter();
    assert.equal(await page.title(), 'Security – Latchkey');
    await tabTo(page, 'Skip to content');
    await type('Current password', person.password);
    await type('New password', NEXT);
    await enter();
    assert.match(await page.getByRole('status').innerText(), /Your password was changed/);
    await tabTo(page, 'Administration');
    await enter();
    await tabTo(page, 'Invite someone');
    await enter();
    await type('For', 'Ines Duarte');
    await tabTo(page, 'Create invitation');
    await enter();
    const code = await page.locator('.code').innerText();
    assert.match(code, /^([0-9A-Z]{5}-){5}[0-9A-Z]{5}$/);
    assert.ok(
      await page
        .locator('img.qr')
        .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
    );
    await tabTo(page, 'I have saved the code');
    await enter();
    assert.match(await page.locator('main').innerText(), /Ines Duarte\s+Waiting/);
    await page.goBack().catch(() => undefined);
    // The browser requests the page again, or shows an error page of its own.
    let shown: string | undefined;
    while (shown === undefined) shown = await page.content().catch(() => undefined);
    assert.ok(!shown.includes(code));
    assert.deepEqual(
      [complaints.filter((one) => !/ERR_CACHE_MISS/.test(one)), [...hosts]],
      [[], [new URL(server.issuer).host]],
    );
  });

  test('print 200 codes as cards, none of them cut by a page break', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid latchkey:invitations');
    const { context, complaints } = await watch(await launch(t));
    const page = await context.newPage();
    await page.goto(`${server.issuer}/admin/invitations/new`);
    await page.getByLabel('Username').fill(person.username);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Scopes').fill('openid');
    await page.getByLabel('How many').fill('200');
    await page.getByRole('button', { name: 'Create invitation' }).click();
    await page.getByRole('heading', { name: '200 invitations' }).waitFor();
    const codes = await page.locator('.sheet b').allInnerTexts();
    assert.equal(new Set(codes).size, 200);
    await page.emulateMedia({ media: 'print' });
    for (const hidden of ['nav', '.warn', '.skip'])
      assert.equal(await page.locator(hidden).isVisible(), false);
    assert.equal(await page.getByText('I have saved the codes').isVisible(), false);
    const pdf = await page.pdf({ format: 'A4' });
    const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    assert.ok(sheets >= 8 && sheets <= 25, `${sheets} sheets`);
    assert.deepEqual(complaints, []);
  });
});
