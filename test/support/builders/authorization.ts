import { createHash, randomBytes } from 'node:crypto';
import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../browser.ts';

type Params = Record<string, string | undefined>;

export interface Authorization {
  params: Record<string, string>;
  verifier: string;
  /** Values of the parameter `resource`, which may be sent several times. */
  resources?: string[];
}

const random = () => randomBytes(24).toString('base64url');
const present = (params: Params) =>
  Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

/** An authorization request with PKCE, state and nonce; `undefined` leaves a parameter out. */
export function authorization(client: ClientDocument, overrides: Params = {}): Authorization {
  const verifier = randomBytes(32).toString('base64url');
  return {
    verifier,
    params: present({
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: (client.redirect_uris as string[])[0],
      scope: 'openid profile email',
      state: random(),
      nonce: random(),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...overrides,
    }),
  };
}

export function authorizeUrl({ params, resources = [] }: Authorization): string {
  const query = new URLSearchParams(params);
  for (const resource of resources) query.append('resource', resource);
  return `/auth?${query}`;
}

/** Signs in and allows, as a person with a browser does, up to the application. @returns the last response */
export async function walk(
  browser: Browser,
  request: Authorization,
  person: { username: string; password: string },
  decision = 'allow',
): Promise<Response> {
  let page = await browser.follow(await browser.get(authorizeUrl(request)));
  for (let steps = 0; steps < 4 && page.status === 200; steps += 1) {
    // The last page has no form: it shows the code of a display client.
    if (!(await page.clone().text()).includes('<form')) break;
    const { action, fields, html } = await formOf(page);
    const answer: Record<string, string> = html.includes('name="password"')
      ? { username: person.username, password: person.password }
      : { decision };
    page = await browser.follow(await browser.post(action, { ...fields, ...answer }));
  }
  return page;
}

/** The parameters of the redirect to the application. */
export function answerOf(response: Response): URLSearchParams {
  const location = response.headers.get('location');
  if (!location) throw new Error(`the browser was not sent on (${response.status})`);
  return new URL(location).searchParams;
}

export interface TokenAnswer {
  status: number;
  body: Record<string, unknown> & {
    access_token?: string;
    refresh_token?: string;
    id_token?: string;
    scope?: string;
    error?: string;
  };
  headers: Headers;
}

/** Sends a POST to an endpoint, authenticated as that application. */
export async function call(
  server: { issuer: string },
  client: ClientDocument,
  path: string,
  fields: Params,
): Promise<TokenAnswer> {
  const headers: Record<string, string> = {};
  const body = new URLSearchParams(present(fields));
  if (client.client_secret)
    headers.authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`;
  else if (!body.has('client_id')) body.set('client_id', client.client_id);
  const response = await fetch(new URL(path, server.issuer), { method: 'POST', body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
}

export const redeem = (
  server: { issuer: string },
  client: ClientDocument,
  request: Authorization,
  code: string | null,
  overrides: Params = {},
) =>
  call(server, client, '/token', {
    grant_type: 'authorization_code',
    code: code ?? undefined,
    redirect_uri: request.params.redirect_uri,
    code_verifier: request.verifier,
    ...overrides,
  });

export const refresh = (
  server: { issuer: string },
  client: ClientDocument,
  token: string | undefined,
  overrides: Params = {},
) => call(server, client, '/token', { grant_type: 'refresh_token', refresh_token: token, ...overrides });

/**
 * Whether a request lost a race: its code or token was used up already, or the busy database did not answer in time and
 * nothing was done.
 */
export const lost = ({ status, body }: TokenAnswer) =>
  (status === 400 && body.error === 'invalid_grant') ||
  (status === 503 && body.error === 'temporarily_unavailable');

/** Signs in with a browser and redeems the code for tokens. */
export async function signInWith(
  server: { issuer: string },
  client: ClientDocument,
  person: { username: string; password: string },
  overrides: Params = {},
  browser = new Browser(server.issuer),
) {
  const request = authorization(client, overrides);
  const answer = answerOf(await walk(browser, request, person));
  const tokens = await redeem(server, client, request, answer.get('code'));
  return { browser, request, answer, tokens };
}
