import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'puppeteer-core';
import { openApplication } from '../support/applications.ts';
import { authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import { firefoxPath, launchFirefox } from '../support/firefox.ts';
import { startServer } from '../support/server.ts';

const skip = firefoxPath ? false : 'Firefox was not found';
const SCHEME = 'org.example.fieldnotes';

async function signInAndAllow(page: Page, person: { username: string; password: string }): Promise<void> {
  await page.locator('input[name=username]').fill(person.username);
  await page.locator('input[name=password]').fill(person.password);
  await page.locator('form button.primary').click();
  await page.locator('button[value=allow]').click();
}
const land = (page: Page) => page.waitForFunction('document.querySelector("h1")?.textContent === "Landed"');

describe('in Firefox', { skip }, () => {
  test('a sign-in and a sign-out arrive, though the application redirects on to another origin', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const landing = await openApplication(t);
    landing.serve(
      (_request, response) => void response.setHeader('content-type', 'text/html').end('<h1>Landed</h1>'),
    );
    const application = await openApplication(t);
    application.serve(
      (_request, response) => void response.writeHead(302, { location: landing.origin }).end(),
    );
    const client = await server.createClient({
      redirectUris: [`${application.origin}/callback`],
      postLogoutRedirectUris: [`${application.origin}/signed-out`],
    });
    const { page } = await launchFirefox(t, SCHEME);

    await page.goto(server.issuer + authorizeUrl(authorization(client)));
    await signInAndAllow(page, person);
    await land(page);

    const signOut = new URLSearchParams({
      client_id: client.client_id,
      post_logout_redirect_uri: `${application.origin}/signed-out`,
    });
    await page.goto(`${server.issuer}/session/end?${signOut}`);
    await page.locator('button[name=logout]').click();
    await land(page);
  });

  test('a sign-in leads to the program of a private-use scheme, with a code', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await server.createClient({ public: true, redirectUris: [`${SCHEME}:/callback`] });
    const { page, openedAddress } = await launchFirefox(t, SCHEME);
    const request = authorization(client);

    await page.goto(server.issuer + authorizeUrl(request));
    await signInAndAllow(page, person);
    const address = new URL(await openedAddress());
    assert.equal(address.searchParams.get('state'), request.params.state);
    const tokens = await redeem(server, client, request, address.searchParams.get('code'));
    assert.equal(tokens.status, 200);
  });
});
