import { Browser, formOf } from '../browser.ts';
import { PASSWORD, type TestServer } from '../server.ts';

export const OPERATOR = { accountId: null };

/** Creates an invitation as the operator. */
export async function invite(
  server: TestServer,
  input: Parameters<TestServer['invitations']['create']>[1] = {},
) {
  const [made] = await server.invitations.create(OPERATOR, input);
  if (!made) throw new Error('no invitation was made');
  return made;
}

/** Types an invitation code into the form that asks for it. @returns the page that follows */
export async function typeCode(browser: Browser, page: Response, code: string): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, invitation_code: code }));
}

/** Fills in the sign-up form of an invitation. @returns the response; redirects are not followed */
export async function signUp(
  browser: Browser,
  offer: Response,
  person: Record<string, string>,
): Promise<Response> {
  const { action, fields } = await formOf(offer);
  return browser.post(action, { ...fields, password: PASSWORD, ...person });
}

/** Opens the link of an invitation, up to the sign-up form or the page that refuses the code. */
export async function open(server: { issuer: string }, code: string, browser = new Browser(server.issuer)) {
  const page = await browser.follow(await browser.get(`/invitation?code=${encodeURIComponent(code)}`));
  return { browser, page };
}
