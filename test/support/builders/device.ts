import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import { Browser, formOf } from '../browser.ts';
import type { engines } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';
import { call, type TokenAnswer } from './authorization.ts';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** A program on a device: it has no secret and no redirect URI, and may refresh its tokens. */
export const createDeviceClient = (server: TestServer, input: Partial<ClientInput> = {}) =>
  server.createClient({
    name: 'Harbour CLI',
    public: true,
    redirectUris: [],
    grantTypes: [DEVICE_GRANT, 'refresh_token'],
    ...input,
  });

/** Starts a server with a device's application and an account. */
export async function startWithDevice(
  t: Parameters<typeof startServer>[0],
  engine: (typeof engines)[number],
) {
  const server = await startServer(t, engine);
  return { server, client: await createDeviceClient(server), ada: await server.createAccount() };
}

export interface DeviceAnswer {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

/** Asks for a code, as the device does. */
export async function askForCode(
  server: { issuer: string },
  client: ClientDocument,
  fields: Record<string, string> = { scope: 'openid profile' },
): Promise<DeviceAnswer> {
  const { status, body } = await call(server, client, '/device/auth', fields);
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body as unknown as DeviceAnswer;
}

export const poll = (
  server: { issuer: string },
  client: ClientDocument,
  code: string,
): Promise<TokenAnswer> => call(server, client, '/token', { grant_type: DEVICE_GRANT, device_code: code });

/** Types the code into the page. @returns the page that asks for the decision, or says what is wrong with the code */
export async function typeCode(browser: Browser, userCode: string): Promise<Response> {
  const { action, fields } = await formOf(await browser.get('/device'));
  return browser.follow(await browser.post(action, { ...fields, user_code: userCode }));
}

/** Answers each page that follows, as a person does. @returns the last one */
export async function answerPages(
  browser: Browser,
  first: Response,
  person: { username: string; password: string },
  decision = 'allow',
): Promise<Response> {
  let page = first;
  for (let steps = 0; steps < 5 && page.status === 200; steps += 1) {
    if (!(await page.clone().text()).includes('<form')) break;
    const { action, fields, html } = await formOf(page);
    const answer: Record<string, string> = html.includes('name="password"')
      ? { username: person.username, password: person.password }
      : { decision };
    page = await browser.follow(await browser.post(action, { ...fields, ...answer }));
  }
  return page;
}

/** Types the code and allows the device. @returns the last page */
export async function connect(
  server: { issuer: string },
  userCode: string,
  person: { username: string; password: string },
  browser = new Browser(server.issuer),
): Promise<Response> {
  return answerPages(browser, await typeCode(browser, userCode), person);
}
