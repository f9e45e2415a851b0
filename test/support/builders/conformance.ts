import { randomUUID } from 'node:crypto';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { seedConformance } from '../../../seeds/conformance.ts';
import type { SuiteConfiguration } from '../../../seeds/suite-configuration.ts';
import { Browser, formOf } from '../browser.ts';
import { startServer, type TestServer } from '../server.ts';

export const CALLBACK = 'https://localhost.emobix.co.uk:8443/test/a/latchkey/callback';
export const AFTER_LOGOUT = 'https://localhost.emobix.co.uk:8443/test/a/latchkey/post_logout_redirect';

type Params = Record<string, string | undefined>;
type Client = SuiteConfiguration['client'];
type Json = Record<string, unknown>;

/** A server with the users and clients of `npm run conformance:seed`, and what a module of the suite does with it. */
export interface Suite {
  server: TestServer;
  client: Client;
  client2: Client;
  /** The response mode of every request that names none. */
  mode: 'default' | 'form_post';
  browser(): Browser;
  /** The parameters that the suite sends: without PKCE, and with a state and a nonce. `undefined` leaves one out. */
  request(params?: Params): Record<string, string>;
  /** Opens the request and signs in where it is asked to. @returns the last response, and how often it signed in */
  open(params: Record<string, string>, browser: Browser): Promise<{ response: Response; signIns: number }>;
  /** The same, up to the parameters of the callback. */
  authorize(params?: Params, browser?: Browser): Promise<Authorized>;
  token(fields: Params, client?: Client): Promise<{ status: number; body: Json }>;
  /** The whole code flow. */
  signIn(params?: Params, browser?: Browser): Promise<SignedIn>;
  userinfo(token: string, init?: RequestInit): Promise<{ status: number; body: Json }>;
}

interface Authorized {
  browser: Browser;
  sent: Record<string, string>;
  callback: Record<string, string>;
  signIns: number;
}

export interface SignedIn extends Authorized {
  accessToken: string;
  idToken: string;
  claims: JWTPayload;
  header: { alg?: string; kid?: string };
  body: Json;
}

/** The parameters that a response carries to the application; undefined if it is one of our pages. */
async function callbackOf(response: Response): Promise<Record<string, string> | undefined> {
  const location = response.headers.get('location');
  if (location !== null)
    return location.startsWith('https://localhost.emobix.co.uk')
      ? Object.fromEntries(new URL(location).searchParams)
      : undefined;
  const html = await response.clone().text();
  if (!html.includes(`action="${CALLBACK}`)) return undefined;
  return (await formOf(response.clone())).fields;
}

export async function openSuite(
  t: Parameters<typeof startServer>[0],
  mode: Suite['mode'] = 'default',
  config: NonNullable<Parameters<typeof startServer>[2]>['config'] = {},
): Promise<Suite> {
  // The suite runs beside the server, as its callback says.
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true, ...config } });
  const { clients, accounts, issuer } = server;
  const { username, password, configuration } = await seedConformance({ clients, accounts, issuer });
  const { client, client2 } = configuration;
  const keys = createLocalJWKSet((await (await fetch(`${issuer}/jwks`)).json()) as JSONWebKeySet);

  const request = (params: Params = {}): Record<string, string> => {
    const all: Params = {
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      state: randomUUID(),
      nonce: randomUUID(),
      response_mode: mode === 'default' ? undefined : mode,
      ...params,
    };
    const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return Object.fromEntries(present);
  };

  async function open(params: Record<string, string>, browser: Browser) {
    let response = await browser.follow(await browser.get(`/auth?${new URLSearchParams(params)}`));
    let signIns = 0;
    for (let steps = 0; steps < 4 && !(await callbackOf(response)) && response.status === 200; steps += 1) {
      const { action, fields, html } = await formOf(response.clone());
      const isSignIn = html.includes('name="password"');
      if (isSignIn) signIns += 1;
      const answer: Record<string, string> = isSignIn ? { username, password } : { decision: 'allow' };
      response = await browser.follow(await browser.post(action, { ...fields, ...answer }));
    }
    return { response, signIns };
  }

  async function authorize(params: Params = {}, browser = new Browser(issuer)): Promise<Authorized> {
    const sent = request(params);
    const { response, signIns } = await open(sent, browser);
    const callback = await callbackOf(response);
    if (!callback) throw new Error(`no callback, but ${response.status}: ${await response.text()}`);
    return { browser, sent, callback, signIns };
  }

  async function token(fields: Params, as: Client = client) {
    const headers: Record<string, string> = {
      authorization: `Basic ${Buffer.from(`${as.client_id}:${as.client_secret}`).toString('base64')}`,
    };
    const body = new URLSearchParams(Object.entries(fields).filter((e): e is [string, string] => !!e[1]));
    const response = await fetch(`${issuer}/token`, { method: 'POST', headers, body });
    return { status: response.status, body: (await response.json()) as Json };
  }

  async function signIn(params: Params = {}, browser?: Browser): Promise<SignedIn> {
    const authorized = await authorize(params, browser);
    const { code, error } = authorized.callback;
    if (!code) throw new Error(`no code, but ${error}`);
    const redirect_uri = authorized.sent.redirect_uri;
    const { body } = await token({ grant_type: 'authorization_code', code, redirect_uri });
    const idToken = String(body.id_token);
    const { payload } = await jwtVerify(idToken, keys, { issuer, audience: client.client_id });
    return {
      ...authorized,
      accessToken: String(body.access_token),
      idToken,
      claims: payload,
      header: decodeProtectedHeader(idToken),
      body,
    };
  }

  return {
    server,
    client,
    client2,
    mode,
    browser: () => new Browser(issuer),
    request,
    open,
    authorize,
    token,
    signIn,
    async userinfo(accessToken, init = {}) {
      const headers = init.body ? {} : { authorization: `Bearer ${accessToken}` };
      const response = await fetch(`${issuer}/me`, { headers, ...init });
      return { status: response.status, body: (await response.json()) as Json };
    },
  };
}

/** For the tests of one file, which share a server. `close` belongs into `after`. */
export function createEnds() {
  const ends: (() => unknown)[] = [];
  return {
    t: { after: (end: () => unknown) => ends.push(end) } as unknown as Parameters<typeof startServer>[0],
    async close() {
      for (const end of ends.reverse()) await end();
    },
  };
}
