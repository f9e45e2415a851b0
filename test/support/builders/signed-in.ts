import { Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';

/** Opens one of our pages in a new browser and signs in on the way. @returns the browser and the page */
export async function visit(
  server: Pick<TestServer, 'issuer'>,
  person: { username: string; password: string },
  path: string,
  browser = new Browser(server.issuer),
): Promise<{ browser: Browser; page: Response }> {
  const { action, fields } = await formOf(await browser.follow(await browser.get(path)));
  const { username, password } = person;
  const page = await browser.follow(await browser.post(action, { ...fields, username, password }));
  return { browser, page };
}

/** The text of a page without its markup. */
export const textOf = async (response: Response) =>
  (await response.text())
    .replaceAll('<wbr>', '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ');

/** Makes every sign-in ten minutes older. */
export async function age(server: TestServer): Promise<void> {
  const table = server.database.knex('T_user_sessions');
  for (const { id, payload } of await table.clone().select('id', 'payload')) {
    const session = JSON.parse(payload);
    await table
      .clone()
      .where({ id })
      .update({ payload: JSON.stringify({ ...session, loginTs: session.loginTs - 600 }) });
  }
}

export const INVITATIONS = '/admin/invitations';
export const INVITE = `${INVITATIONS}/new`;
const SCOPES = 'openid profile email latchkey:invitations notes:read';

/** A browser in which a new account with those scopes is signed in. */
export async function signedIn(server: TestServer, username: string, scope = SCOPES): Promise<Browser> {
  const person = await server.createAccount(username, scope);
  return (await visit(server, person, '/account/security')).browser;
}

/** Fills in the form of a new invitation. @returns the answer */
export async function create(browser: Browser, fields: Record<string, string> = {}): Promise<Response> {
  const form = await formOf(await browser.get(INVITE));
  const plain = { label: '', email: '', roles: '', expires_in: '7d', max_uses: '1', count: '1' };
  return browser.post(INVITE, { ...form.fields, scope: 'openid', ...plain, ...fields });
}
