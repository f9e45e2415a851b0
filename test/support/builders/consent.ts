import type { Write } from '../../../src/database/writes.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import { Browser, formOf } from '../browser.ts';
import type { EngineName } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';
import { type Authorization, authorization, authorizeUrl } from './authorization.ts';

/** The parameters of a request for access without the user. */
export const OFFLINE = { scope: 'openid offline_access' };

/** A server with an application and an account. */
export async function begin(
  t: Parameters<typeof startServer>[0],
  input: Partial<ClientInput> = {},
  engine: EngineName = 'sqlite',
) {
  const server = await startServer(t, engine);
  return { server, client: await server.createClient(input), ada: await server.createAccount() };
}

/** Signs in if it is asked to. @returns the consent page, or the redirect to the application */
export async function arrive(
  browser: Browser,
  request: Authorization,
  person: { username: string; password: string },
): Promise<Response> {
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  if (page.headers.has('location') || !(await page.clone().text()).includes('name="password"')) return page;
  const { action, fields } = await formOf(page);
  const { username, password } = person;
  return browser.follow(await browser.post(action, { ...fields, username, password }));
}

/** Signs in from a new browser. @returns the consent page, or the redirect to the application */
export async function arriveInNewBrowser(
  server: TestServer,
  client: Awaited<ReturnType<TestServer['createClient']>>,
  person: { username: string; password: string },
  params: Record<string, string> = {},
) {
  const browser = new Browser(server.issuer);
  const request = authorization(client, params);
  return { browser, request, page: await arrive(browser, request, person) };
}

/** Whether somebody who signs in from a new browser is asked for consent. */
export const isAsked = async (...input: Parameters<typeof arriveInNewBrowser>) => {
  const { page } = await arriveInNewBrowser(...input);
  return !page.headers.has('location');
};

/** Answers a consent page. */
export async function decide(
  browser: Browser,
  page: Response,
  decision: 'allow' | 'deny',
): Promise<Response> {
  const { action, fields } = await formOf(page.clone());
  return browser.follow(await browser.post(action, { ...fields, decision }));
}

/** What a consent page lists: what it asks for, and what was allowed before. */
export async function listedOn(page: Response): Promise<{ asked: string[]; before: string[] }> {
  const html = await page.clone().text();
  const [, first = '', second = ''] = html.split(/<ul class="rows log">/);
  const items = (list: string) =>
    [...(list.split('</ul>')[0] ?? '').matchAll(/<li><p>([^<]*)<\/p>/g)].map(([, text = '']) => text);
  return { asked: items(first), before: items(second) };
}

/** Runs `change` when a request is about to commit a row of that table, once. @returns whether it has run */
export function beforeInsertInto(
  server: TestServer,
  table: string,
  change: () => Promise<unknown>,
): () => boolean {
  const { driver } = server.database;
  const commit = driver.commit.bind(driver);
  let hasRun = false;
  driver.commit = async (writes: Write[]) => {
    const isAwaited = !hasRun && writes.some(({ statement }) => statement.insertsInto === table);
    if (isAwaited) {
      hasRun = true;
      await change();
    }
    return commit(writes);
  };
  return () => hasRun;
}
