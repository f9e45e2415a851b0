import { Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';

export const NEW_PASSWORD = 'another harbour at dusk';

/** Requests a password reset link at `/forgot`. @returns the response; redirects are not followed */
export async function forgot(
  server: Pick<TestServer, 'issuer'>,
  email: string,
  browser = new Browser(server.issuer),
): Promise<Response> {
  const { action, fields } = await formOf(await browser.get('/forgot'));
  return browser.post(action, { ...fields, email });
}

/** The password reset link from the mail to that address. @param after how many earlier mails to skip */
export async function resetLink(server: TestServer, email: string, after = 0): Promise<string> {
  await forgot(server, email);
  const { link } = await server.sink.to(email, after);
  if (!link) throw new Error('the mail has no link');
  return link;
}

/** Opens a mailed link and follows it to its page. */
export async function openLink(
  server: { issuer: string },
  link: string,
  browser = new Browser(server.issuer),
) {
  const page = await browser.follow(await browser.get(link));
  return { browser, page };
}

/** Sends the form of that page. @returns the response; redirects are not followed */
export async function send(
  browser: Browser,
  page: Response,
  given: Record<string, string> = {},
): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.post(action, { ...fields, ...given });
}
