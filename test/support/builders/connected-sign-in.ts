import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Browser } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { allow, connect, startGoogleFor } from './connections.ts';
import { visit } from './signed-in.ts';

const OPERATOR = { accountId: null };

/** A service like Google with which people sign in. */
export async function addSignInGoogle(t: Pick<TestContext, 'after'>, server: TestServer, name = 'google') {
  const google = await startGoogleFor(t, server, name);
  const change = { settings: { maySignIn: true } };
  await server.services.connections.services.update(OPERATOR, name, { change });
  return google;
}

/** The hidden fields of the form with that action. */
function fieldsOf(html: string, action: string): Record<string, string> {
  const form = [...html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)].find(
    ([, target]) => target === action,
  );
  assert.ok(form, `no form for ${action}`);
  const hidden = [...(form[2] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(hidden.map(([, name, value]) => [name, value]));
}

/** An account that has connected Google, and signs in with it. @returns the browser in which it is signed in */
export async function createLinked(
  server: TestServer,
  google: Awaited<ReturnType<typeof startGoogleFor>>,
  username: string,
  { service = 'google', scope = undefined as string | undefined } = {},
) {
  google.knobs.user = { sub: `sub-${username}`, email: `${username}@gmail.example`, name: username };
  const account = await server.createAccount(username, scope);
  const { browser } = await visit(server, account, '/account/connections');
  await connect(browser, service);
  const page = await switchSignIn(server, browser, { username, service, value: 'on' });
  assert.equal(page.status, 303, String(page.status));
  return { ...account, browser };
}

/** Presses the button beside a connection. */
export async function switchSignIn(
  server: TestServer,
  browser: Browser,
  { username = '', service = 'google', value = 'on' },
): Promise<Response> {
  const { id } = await server.database
    .knex('T_user_providers')
    .where({ provider: service, provider_user_id: `sub-${username}` })
    .first('id');
  const path = `/account/connections/${service}/sign-in`;
  const html = await (await browser.get(`/account/connections/${service}`)).text();
  return browser.post(path, { ...fieldsOf(html, path), connection: id, sign_in: value });
}

/** Opens a page and presses "Continue with". @returns the sign-in page's address, and where the browser is sent */
export async function leaveToSignIn(
  server: TestServer,
  { browser = new Browser(server.issuer), path = '/account/security', service = 'google' } = {},
): Promise<{ browser: Browser; at: string; target: URL }> {
  const page = await browser.follow(await browser.get(path));
  const at = new URL(page.url).pathname;
  const action = `${at}/sign-in-with`;
  const answer = await browser.post(action, { ...fieldsOf(await page.text(), action), service });
  const location = answer.headers.get('location');
  assert.ok(location, `no redirect to the service (${answer.status})`);
  return { browser, at, target: new URL(location) };
}

/** Signs in with the person who is signed in at the service. @returns the page after it */
export async function signInWithService(
  server: TestServer,
  options: Parameters<typeof leaveToSignIn>[1] = {},
): Promise<{ browser: Browser; page: Response }> {
  const { browser, target } = await leaveToSignIn(server, options);
  return { browser, page: await browser.follow(await browser.get(await allow(target))) };
}
