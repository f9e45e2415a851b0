import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invite } from '../support/builders/invitation.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { startNginx, withoutProxy } from '../support/http-proxies.ts';
import { startServer } from '../support/server.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const skip = executablePath ? withoutProxy('nginx') : 'Chromium was not found';

test('a passkey signs up and in at an issuer with a path that the proxy strips', { skip }, async (t) => {
  const port = await freePort();
  const issuer = `http://localhost:${port}/id`;
  const server = await startServer(t, 'sqlite', { config: { issuer } });
  const upstream = `http://127.0.0.1:${server.config.port}/`;
  await startNginx(t, { '/id/': `proxy_pass ${upstream}; proxy_set_header Host $http_host;` }, port);
  const { context, complaints } = await watch(await launch(t));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await VirtualAuthenticator.plugIn(page, 'platform');
  const { url } = await invite(server);
  await page.goto(url);
  await page.getByLabel('Choose a username').fill('mei');
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.waitForURL(`${issuer}/account/security`);
  await page.goto(`${issuer}/session/end`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForSelector('h1:has-text("You are signed out")');
  await page.goto(`${issuer}/account/security`);
  // The virtual authenticator answers the offer beside the username by itself.
  await page.waitForURL(`${issuer}/account/security`);
  assert.deepEqual(complaints, []);
});
