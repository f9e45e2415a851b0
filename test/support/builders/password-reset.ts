import { Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';

export const NEW_PASSWORD = 'another harbour at dusk';

/** Asks at `/forgot` for a link. @returns the answer to the form, not followed */
export async function forgot(
  server: Pick<TestServer, 'issuer'>,
  email: string,
  browser = new Browser(server.issuer),
): Promise<Response> {
  const { action, fields } = await formOf(await browser.get('/forgot'));
  return browser.post(action, { ...fields, email });
}

/** A link to a new password, as its mail has it. @param after how many mails that address has already */
export async function resetLink(server: TestServer, email: string, after = 0): Promise<string> {
  await forgot(server, email);
  const { link } = await server.sink.to(email, after);
  if (!link) throw new Error('the mail has no link');
  return link;
}

/** Opens a link of a mail, up to the page that it leads to. */
export async function openLink(
  server: { issuer: string },
  link: string,
  browser = new Browser(server.issuer),
) {
  const page = await browser.follow(await browser.get(link));
  return { browser, page };
}

/** Sends the form of that page. @returns the answer, not followed */
export async function send(
  browser: Browser,
  page: Response,
  given: Record<string, string> = {},
): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.post(action, { ...fields, ...given });
}
