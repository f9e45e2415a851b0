import { accountCsrf } from '../../../src/account/passkey-ceremonies.ts';
import { createSecrets } from '../../../src/kit/secrets.ts';
import { Authenticator, type Options, type Tweaks } from '../authenticator.ts';
import { Browser, formOf } from '../browser.ts';
import { SECRETS } from '../databases.ts';
import type { TestServer } from '../server.ts';
import { authorization, authorizeUrl } from './authorization.ts';
import { invite, open } from './invitation.ts';

export type Place = { csrf: string; interaction?: string };

export interface Answer {
  status: number;
  body: Options & { location?: string; title?: string; id?: string; is_signed?: boolean };
}

/** Sends a passkey request as the script of a page does. */
export async function post(browser: Browser, path: string, body: unknown): Promise<Answer> {
  const response = await browser.request(`/webauthn/${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', accept: 'application/json', origin: browser.issuer },
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** Registers a key: requests options, and sends the authenticator's answer. */
export async function register(
  browser: Browser,
  place: Place & Record<string, unknown>,
  key: Authenticator,
  tweaks: Tweaks = {},
): Promise<Answer> {
  const options = await post(browser, 'registration/options', place);
  if (options.status !== 200) return options;
  return post(browser, 'registration/verify', { ...place, response: key.create(options.body, tweaks) });
}

/** Authenticates with a key: requests options, and sends the authenticator's answer. */
export async function authenticate(
  browser: Browser,
  place: Place & Record<string, unknown>,
  key: Authenticator,
  tweaks: Tweaks = {},
): Promise<Answer> {
  const options = await post(browser, 'authentication/options', place);
  if (options.status !== 200) return options;
  return post(browser, 'authentication/verify', { ...place, response: key.get(options.body, tweaks) });
}

/** The values that a page of an authorization request gives its script. */
export async function placeOf(page: Response): Promise<Place> {
  const html = await page.text();
  const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
  return { csrf, interaction };
}

type Client = Parameters<typeof authorization>[0];

/** A browser that shows the sign-in page. */
export async function signInPage(
  server: { issuer: string },
  client: Client,
  params: Record<string, string> = {},
  browser = new Browser(server.issuer),
) {
  const request = authorization(client, params);
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  return { browser, request, place: await placeOf(page) };
}

/** A person who signed up with an invitation and that key alone, and is signed in. */
export async function newcomer(server: TestServer, username: string, key = new Authenticator(server.issuer)) {
  const { code } = await invite(server);
  const { browser, page } = await open(server, code);
  const place = await placeOf(page);
  const done = await register(browser, { ...place, fields: { username } }, key);
  if (done.status !== 200) throw new Error(JSON.stringify(done));
  await browser.follow(await browser.get(new URL(String(done.body.location)).pathname));
  const { id } = await server.accounts.show(username);
  return { id, username, key, browser };
}

/** The values that an account page gives its script. */
export async function accountPlace(server: TestServer, accountId: string): Promise<Place> {
  const row = await server.database
    .knex('T_user_sessions')
    .where({ account_id: accountId, is_active: true })
    .orderBy('created_at', 'desc')
    .first('uid');
  return { csrf: accountCsrf(createSecrets(SECRETS), row.uid) };
}

/** Sends username and password with the form of the page. */
export async function typePassword(
  browser: Browser,
  page: Response,
  person: { username: string; password: string },
) {
  const { action, fields } = await formOf(page);
  const { username, password } = person;
  return browser.post(action, { ...fields, username, password });
}
