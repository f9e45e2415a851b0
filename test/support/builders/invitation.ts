import { Browser, formOf } from '../browser.ts';
import { PASSWORD, type TestServer } from '../server.ts';

export const OPERATOR = { accountId: null };

/** One invitation by the operator. */
export async function invite(
  server: TestServer,
  input: Parameters<TestServer['invitations']['create']>[1] = {},
) {
  const [made] = await server.invitations.create(OPERATOR, input);
  if (!made) throw new Error('no invitation was made');
  return made;
}

/** Types a code where the browser is asked for it. @returns the page that follows */
export async function typeCode(browser: Browser, page: Response, code: string): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, invitation_code: code }));
}

/** Fills in the form of an offer. @returns the answer to it, not followed */
export async function signUp(
  browser: Browser,
  offer: Response,
  person: Record<string, string>,
): Promise<Response> {
  const { action, fields } = await formOf(offer);
  return browser.post(action, { ...fields, password: PASSWORD, ...person });
}

/** Opens the link of an invitation as a person does, up to the offer or the refusal. */
export async function open(server: { issuer: string }, code: string, browser = new Browser(server.issuer)) {
  const page = await browser.follow(await browser.get(`/invitation?code=${encodeURIComponent(code)}`));
  return { browser, page };
}
