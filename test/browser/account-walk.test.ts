import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signInWith } from '../support/builders/authorization.ts';
import { age, visit } from '../support/builders/signed-in.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const DARK = 'rgb(24, 27, 25)';

describe('the pages of an account, in a narrow browser without JavaScript', { skip }, () => {
  test('lead a person from one to the next, and no action is lost by confirming who they are', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount('ada.okafor');
    await visit(server, ada, '/account/sessions');
    await signInWith(server, await server.createClient(), ada, { scope: 'openid profile' });
    const viewport = { width: 320, height: 640 };
    const { context, complaints, hosts } = await watch(await launch(t), {
      viewport,
      colorScheme: 'light',
      javaScriptEnabled: false,
    });
    const page = await context.newPage();
    const follow = (name: string) => page.getByRole('link', { name, exact: true }).click();
    const openSection = async (name: string) => {
      await page.getByRole('button', { name: 'Menu' }).click();
      await follow(name);
    };
    const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
    const status = () => page.getByRole('status').innerText();
    const password = async () => {
      await page.getByLabel('Password').fill(ada.password);
      await press(/^Sign in$/);
    };

    await page.goto(server.issuer);
    await follow('Sign in');
    await page.getByLabel('Username').fill(ada.username);
    await password();
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Home');

    await openSection('Sessions');
    assert.equal(await page.locator('main li').count(), 3);
    await age(server);
    await press('Sign out everywhere else');
    assert.match(
      await page.getByRole('heading', { level: 1 }).innerText(),
      /Confirm it is you to sign out everywhere else/,
    );
    await password();
    await press('Sign out everywhere else');
    assert.match(await status(), /You are signed out everywhere else/);
    assert.equal(await page.locator('main li').count(), 1);

    await openSection('Applications');
    await press('Take back access from Fieldnotes');
    assert.match(await status(), /can no longer use your account/);

    await openSection('Profile');
    await page.getByLabel('Time zone').selectOption('Asia/Tokyo');
    await page.getByLabel('Appearance').selectOption('Dark');
    await press('Save profile');
    assert.match(await status(), /Your profile was changed/);
    assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), DARK);

    await openSection('Activity');
    await page.getByLabel('Show').selectOption('Applications');
    await press('Filter');
    assert.match(
      await page.locator('main').innerText(),
      /The access of Fieldnotes was taken back\s+\d\d:\d\d,/,
    );
    assert.match(await page.locator('footer').innerText(), /Times are in Asia\/Tokyo/);
    await openSection('Sign out…');
    await press('Sign out');
    assert.match(await page.locator('main').innerText(), /You are signed out/);
    assert.deepEqual([complaints, [...hosts]], [[], [new URL(server.issuer).host]]);
  });
});
