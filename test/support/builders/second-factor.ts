import { Secret, TOTP } from 'otpauth';
import { Browser, formOf } from '../browser.ts';
import { PASSWORD, type TestServer } from '../server.ts';
import { answerOf, authorization, authorizeUrl, redeem } from './authorization.ts';
import { decide } from './consent.ts';
import { typePassword } from './passkey.ts';

export const secondFactorOf = (server: TestServer) => server.services.secondFactor;

/** The code that an authenticator app shows. @param steps how many time steps from now; negative for earlier */
export const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

/** Sets up an authenticator app; its codes from the next time step on are unused. @returns its secret */
export async function withApp(
  server: TestServer,
  account: { id: string; username: string },
): Promise<string> {
  const { totp } = secondFactorOf(server);
  const { secret } = await totp.startSetup(account.id, account.username);
  const confirmed = () => totp.confirmSetup(account.id, codeOf(secret, -1));
  // A time step may end before the code is checked. The code is then two steps old, and the next one is tried.
  if (!(await confirmed()) && !(await confirmed())) throw new Error('the app was not confirmed');
  return secret;
}

type Client = Awaited<ReturnType<TestServer['createClient']>>;

/** The claims of the ID token. */
export const claimsOf = (token: string | undefined) =>
  JSON.parse(Buffer.from(String(token?.split('.')[1]), 'base64url').toString());

/** A browser at the page that follows the password. */
export async function afterPassword(server: TestServer, client: Client, params: Record<string, string> = {}) {
  const browser = new Browser(server.issuer);
  const request = authorization(client, params);
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  const person = { username: 'ada', password: PASSWORD };
  const next = await browser.follow(await typePassword(browser, page, person));
  return { browser, request, next };
}

/** Types a code of an app, or a recovery code, into the form that asks for it. */
export const sendCode = async (browser: Browser, page: Response, code: string) => {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, code }));
};

/** Reads the recovery codes on a page, and the link by which the user goes on. */
export async function readRecoveryCodes(page: Response): Promise<{ codes: string[]; next: string }> {
  const html = await page.clone().text();
  const codes = [...html.matchAll(/<li class="mono">([^<]+)/g)].map(([, code = '']) => code);
  const next = /href="([^"]+)">I have saved the codes/.exec(html)?.[1] ?? '';
  return { codes, next: URL.parse(next)?.pathname ?? next };
}

/** Goes on from the recovery codes that follow the first second factor. */
export const afterRecoveryCodes = async (browser: Browser, page: Response) =>
  browser.follow(await browser.get((await readRecoveryCodes(page)).next));

/** Allows, unless that is remembered, and reads the claims that the application gets. */
export async function land(
  server: TestServer,
  client: Client,
  browser: Browser,
  request: ReturnType<typeof authorization>,
  page: Response,
) {
  const end = page.headers.has('location') ? page : await decide(browser, page, 'allow');
  const tokens = await redeem(server, client, request, answerOf(end).get('code'));
  return claimsOf(tokens.body.id_token);
}

/** How many sessions that account has. */
export const sessions = async (server: TestServer, accountId: string) =>
  (await server.database.knex('T_user_sessions').where({ account_id: accountId })).length;

/** The path to which the response sends the script, within this server. */
export const pathOf = (location: string | undefined) => new URL(String(location), 'http://x').pathname;
