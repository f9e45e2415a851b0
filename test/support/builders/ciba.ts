import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import { type Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { call, type TokenAnswer } from './authorization.ts';

export const CIBA = 'urn:openid:params:grant-type:ciba';
export const REQUESTS = '/account/requests';

/** A till: it has no browser, and asks its customers to sign in on their own devices. */
export const createTill = (server: TestServer, input: Partial<ClientInput> = {}) =>
  server.createClient({
    name: 'Harbour Till',
    redirectUris: [],
    grantTypes: [CIBA, 'refresh_token'],
    ...input,
  });

type Fields = Record<string, string | undefined>;

/** Asks for a sign-in, as the application does. @returns once the user has got the mail */
export async function askForSignIn(
  server: TestServer,
  client: ClientDocument,
  fields: Fields,
): Promise<TokenAnswer> {
  const answer = await call(server, client, '/backchannel', { scope: 'openid profile', ...fields });
  await server.settled();
  return answer;
}

export const pollForTokens = (
  server: TestServer,
  client: ClientDocument,
  id: unknown,
): Promise<TokenAnswer> => call(server, client, '/token', { grant_type: CIBA, auth_req_id: String(id) });

/** Answers the first request on the page. @returns the response to the form */
export async function answerRequest(browser: Browser, decision: string): Promise<Response> {
  const { action, fields } = await formOf(await browser.get(REQUESTS));
  return browser.post(action, { ...fields, decision });
}
