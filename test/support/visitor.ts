import { Browser, formOf } from './browser.ts';
import type { TestServer } from './server.ts';

/** Opens a page of ours as a person does who is not signed in yet. @returns the browser and the page */
export async function visit(
  server: TestServer,
  person: { username: string; password: string },
  path: string,
  browser = new Browser(server.issuer),
): Promise<{ browser: Browser; page: Response }> {
  const { action, fields } = await formOf(await browser.follow(await browser.get(path)));
  const { username, password } = person;
  const page = await browser.follow(await browser.post(action, { ...fields, username, password }));
  return { browser, page };
}

/** What a person reads. */
export const textOf = async (response: Response) =>
  (await response.text())
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ');
