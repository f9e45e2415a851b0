import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer, type TestServer } from '../support/server.ts';

const skip = executablePath === undefined && 'no Chromium';

async function listen(t: TestContext, answer: (url: URL) => { location?: string; body?: string }) {
  const server = createServer((request, response) => {
    const { location, body } = answer(new URL(request.url ?? '/', 'http://localhost'));
    response.writeHead(location ? 302 : 200, location ? { location } : { 'content-type': 'text/html' });
    response.end(body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** An application whose callback goes on to another origin, as from `api.` to `www.`. */
async function startBouncingApplication(t: TestContext, server: TestServer, firstParty: boolean) {
  const landing = await listen(t, ({ pathname, search }) => ({
    body: `<h1>Landed</h1>${pathname}${search.length}`,
  }));
  const callback = await listen(t, () => ({ location: `http://127.0.0.1:${landing}/landed` }));
  const home = `http://localhost:${callback}`;
  return server.createClient({
    firstParty,
    redirectUris: [`${home}/callback`],
    postLogoutRedirectUris: [`${home}/signed-out`],
  });
}

async function signIn(page: Page, person: { username: string; password: string }): Promise<void> {
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

describe('a form that leads to an application', { skip }, () => {
  for (const javaScriptEnabled of [true, false])
    test(`arrives, though the callback redirects to another origin, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const person = await server.createAccount();
      const { context, complaints } = await watch(await launch(t), { javaScriptEnabled });
      const page = await context.newPage();

      const own = await startBouncingApplication(t, server, true);
      await page.goto(server.issuer + authorizeUrl(authorization(own)));
      await signIn(page, person);
      await page.getByRole('heading', { name: 'Landed' }).waitFor();

      const foreign = await startBouncingApplication(t, server, false);
      await page.goto(server.issuer + authorizeUrl(authorization(foreign)));
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await page.getByRole('heading', { name: 'Landed' }).waitFor();

      const signOut = new URLSearchParams({
        client_id: own.client_id,
        post_logout_redirect_uri: String((own.post_logout_redirect_uris as string[])[0]),
      });
      await page.goto(`${server.issuer}/session/end?${signOut}`);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Landed' }).waitFor();
      assert.deepEqual(complaints, []);
    });

  test('an application that asks for form_post arrives too', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await startBouncingApplication(t, server, true);
    const { context, complaints } = await watch(await launch(t));
    const page = await context.newPage();
    await page.goto(server.issuer + authorizeUrl(authorization(client, { response_mode: 'form_post' })));
    await signIn(page, person);
    await page.getByRole('heading', { name: 'Landed' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test('an application with the implicit grant gets its tokens in the fragment', async (t) => {
    const server = await startServer(t, 'sqlite', { config: { implicitGrant: true } });
    const person = await server.createAccount();
    const client = await server.createClient({
      redirectUris: ['https://fieldnotes.example/cb'],
      grantTypes: ['implicit'],
      responseTypes: ['id_token token'],
    });
    const { context, complaints } = await watch(await launch(t));
    const page = await context.newPage();
    const sent: string[] = [];
    await page.route('https://fieldnotes.example/**', async (route) => {
      sent.push(route.request().url());
      await route.fulfill({ contentType: 'text/html', body: '<h1>Landed</h1>' });
    });
    const overrides = {
      response_type: 'id_token token',
      code_challenge: undefined,
      code_challenge_method: undefined,
    };
    await page.goto(server.issuer + authorizeUrl(authorization(client, overrides)));
    await signIn(page, person);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByRole('heading', { name: 'Landed' }).waitFor();
    const answer = new URL(page.url());
    assert.equal(answer.search, '');
    assert.match(answer.hash, /#id_token=ey.*&access_token=/);
    assert.deepEqual(
      sent.map((url) => new URL(url).search),
      [''],
    );
    assert.deepEqual(complaints, []);
  });

  test('the browser goes on to the scheme of a native application', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await server.createClient({
      firstParty: true,
      redirectUris: ['org.example.fieldnotes:/callback'],
      public: true,
    });
    const { context } = await watch(await launch(t));
    const page = await context.newPage();
    await page.goto(server.issuer + authorizeUrl(authorization(client)));
    const failed = page.waitForEvent('requestfailed', (request) => request.url().startsWith('org.example'));
    await signIn(page, person);
    await Promise.race([failed, page.getByRole('button', { name: 'Allow', exact: true }).click()]);
    const link = page.getByRole('link', { name: 'Continue' });
    await failed.catch(() => link.waitFor());
  });

  test('a pop-up can answer the page that opened it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const port = await listen(t, ({ pathname }) => ({
      body:
        pathname === '/callback'
          ? '<script>opener.postMessage("signed in", "*"); close()</script>'
          : '<script>addEventListener("message", ({ data }) => { document.title = data })</script><h1>Home</h1>',
    }));
    const home = `http://localhost:${port}`;
    const client = await server.createClient({ firstParty: true, redirectUris: [`${home}/callback`] });
    const { context } = await watch(await launch(t));
    const page = await context.newPage();
    await page.goto(home);
    const url = server.issuer + authorizeUrl(authorization(client));
    const [popup] = await Promise.all([
      page.waitForEvent('popup'),
      page.evaluate(`void open(${JSON.stringify(url)})`),
    ]);
    await signIn(popup, person);
    await page.waitForFunction('document.title === "signed in"');
  });
});
