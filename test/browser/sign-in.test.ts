import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startApplication } from '../support/example-application.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';

describe('a person in Chromium', { skip }, () => {
  for (const javaScriptEnabled of [true, false]) {
    test(`signs in to the example application and out again, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const person = await server.createAccount();
      const { home } = await startApplication(t, server);
      const { context, complaints, hosts } = await watch(await launch(t), { javaScriptEnabled });
      const page = await context.newPage();

      await page.goto(home);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByLabel('Username').fill('ada');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      assert.match(await page.title(), /^Error: /);
      await page.getByLabel('Password').fill(person.password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      assert.match(await page.locator('h1').innerText(), /Allow Fieldnotes/);
      await page.getByRole('button', { name: 'Deny' }).click();
      await page.waitForURL(`${home}/**`);
      assert.match(await page.locator('main').innerText(), /access_denied/);

      await page.goto(home);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await page.waitForURL(`${home}/`);
      assert.match(await page.locator('main').innerText(), /ada@harbour\.example/);

      // The application sends the ID token of this session, so nothing is asked.
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${home}/`);
      await page.goto(server.issuer);
      assert.doesNotMatch(await page.locator('main').innerText(), /signed in as/);
      assert.deepEqual(
        complaints.filter((text) => !/401|400/.test(text)),
        [],
      );
      assert.deepEqual([...hosts].sort(), [new URL(home).host, new URL(server.issuer).host].sort());
    });
  }

  test('signs in and out with the keyboard alone', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const { home } = await startApplication(t, server);
    const page = await (await launch(t)).newPage();
    await page.goto(home);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByLabel('Username').focus();
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type(person.password);
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=It will be able to');
    for (let tabs = 0; tabs < 12; tabs += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate('document.activeElement?.textContent');
      if (focused === 'Allow') break;
    }
    await page.keyboard.press('Enter');
    await page.waitForURL(`${home}/`);
    assert.match(await page.locator('main').innerText(), /ada@harbour\.example/);
  });

  test('can use another account instead of the one that is signed in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    await server.createAccount('mei');
    const { home } = await startApplication(t, server);
    const { context, complaints } = await watch(await launch(t));
    const page = await context.newPage();
    const signIn = async (username: string) => {
      await page.getByLabel('Username').fill(username);
      await page.getByLabel('Password').fill(person.password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    };
    await page.goto(home);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await signIn('ada');
    await page.getByRole('button', { name: 'Use another account' }).click();
    await signIn('mei');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    assert.match(await page.locator('main').innerText(), /mei@harbour\.example/);
    assert.deepEqual(complaints, []);
  });

  test('keeps the session when another site sends a form here, and is not signed out by that form', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const application = createServer((_request, response) => response.end('back'));
    await new Promise<void>((done) => application.listen(0, '127.0.0.1', done));
    t.after(() => application.close());
    // To a browser `localhost` is another site than the server's 127.0.0.1.
    const home = `http://localhost:${(application.address() as AddressInfo).port}/`;
    const client = await server.createClient({ firstParty: true, redirectUris: [home] });
    const page = await (await launch(t)).newPage();
    await page.goto(server.issuer + authorizeUrl(authorization(client)));
    await page.getByLabel('Username').fill(person.username);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(/code=/);
    const submit = (path: string, fields: Record<string, string>) =>
      page.evaluate(
        `{ const form = Object.assign(document.createElement('form'), { method: 'post', action: ${JSON.stringify(server.issuer + path)} });
        for (const [name, value] of Object.entries(${JSON.stringify(fields)}))
          form.append(Object.assign(document.createElement('input'), { name, value }));
        document.body.append(form); form.submit(); }`,
      );
    const silent = authorization(client, { prompt: 'none' });
    await submit('/auth', silent.params);
    await page.waitForURL((url) => url.searchParams.get('state') === String(silent.params.state));
    assert.ok(new URL(page.url()).searchParams.get('code'), page.url());
    await page.goto(home);
    await submit('/session/end', { client_id: client.client_id });
    await page.getByRole('button', { name: 'Stay signed in' }).waitFor();
  });
});
