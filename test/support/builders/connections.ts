import type { TestContext } from 'node:test';
import { type Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { addGoogle } from '../upstream/connected.ts';
import { type GoogleLike, startGoogle } from '../upstream/google.ts';
import { startMotion } from '../upstream/motion.ts';

const OPERATOR = { accountId: null };

/** A service like Google, at which people of that server can connect. */
export async function startGoogleFor(
  t: Pick<TestContext, 'after'>,
  server: TestServer,
  name = 'google',
): Promise<GoogleLike> {
  const google = await startGoogle(t);
  await addGoogle(server.services, google, { name });
  return google;
}

/** A service like Motion. */
export async function addMotion(t: Pick<TestContext, 'after'>, server: TestServer) {
  const motion = await startMotion(t);
  const change = {};
  await server.services.connections.services.add(OPERATOR, { name: 'motion', baseUrl: motion.url, change });
  return motion;
}

/** Presses “Connect”. @returns where the browser is sent */
export async function leaveFor(browser: Browser, service: string): Promise<URL> {
  const path = `/account/connections/${service}`;
  const { fields } = await formOf(await browser.get(path));
  const answer = await browser.post(path, fields);
  const location = answer.headers.get('location');
  if (!location) throw new Error(`no redirect to the service (${answer.status})`);
  return new URL(location);
}

/** What a service answers to a browser that allows everything. @returns path and query of the callback */
export async function allow(target: URL): Promise<string> {
  const response = await fetch(target, { redirect: 'manual' });
  const back = new URL(String(response.headers.get('location')));
  return `${back.pathname}${back.search}`;
}

/** Connects an account of a service. @returns the page after it */
export const connect = async (browser: Browser, service: string): Promise<Response> =>
  browser.follow(await browser.get(await allow(await leaveFor(browser, service))));

/** Connects with a key. @returns the page after it */
export async function connectKey(browser: Browser, service: string, key: string): Promise<Response> {
  const path = `/account/connections/${service}`;
  const { fields } = await formOf(await browser.get(path));
  return browser.follow(await browser.post(path, { ...fields, api_key: key }));
}
