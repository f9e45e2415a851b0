import { randomBytes } from 'node:crypto';
import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import { Authenticator } from '../authenticator.ts';
import { Browser, formOf } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { authorization, authorizeUrl } from './authorization.ts';
import { type Answer, placeOf } from './passkey.ts';

/** A kind of request that anyone can send without an account. */
export interface AnonymousRequest {
  name: string;
  /** @param from the address that the request comes from, behind a proxy */
  send(from: string): Promise<unknown>;
  /** The tables that it may write to; none by default. */
  writes?: string[];
}

const random = (bytes: number) => randomBytes(bytes).toString('base64url');

/** A browser at that address. */
class VisitorAt extends Browser {
  readonly #from: string;

  constructor(issuer: string, from: string) {
    super(issuer);
    this.#from = from;
  }

  override request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string>), 'x-forwarded-for': this.#from };
    return super.request(url, { ...init, headers });
  }

  /** Reads the response, so that its connection is used again. */
  async read(url: string): Promise<void> {
    const response = await this.follow(await this.get(url));
    await response.arrayBuffer();
  }

  async open(client: ClientDocument, params: Record<string, string> = {}): Promise<Response> {
    const request = authorization(client, { state: random(1500), ...params });
    return this.follow(await this.get(authorizeUrl(request)));
  }

  async postJson(path: string, body: unknown): Promise<Answer> {
    const headers = { 'content-type': 'application/json', accept: 'application/json', origin: this.issuer };
    const init = { method: 'POST', body: JSON.stringify(body), headers };
    const response = await this.request(`/webauthn/${path}`, init);
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }
}

/** @param known the username and address of an account; everything else that is sent is made up */
export function anonymousRequests(
  server: TestServer,
  client: ClientDocument,
  known: { username: string; email: string },
): AnonymousRequest[] {
  const at = (from: string) => new VisitorAt(server.issuer, from);

  async function postForm(from: string, path: string, fields: Record<string, string>): Promise<void> {
    const headers = { 'x-forwarded-for': from };
    const body = new URLSearchParams(fields);
    await (await fetch(new URL(path, server.issuer), { method: 'POST', body, headers })).arrayBuffer();
  }

  async function signIn(from: string, username: string): Promise<void> {
    const visitor = at(from);
    const { action, fields } = await formOf(await visitor.open(client));
    const answer = await visitor.post(action, { ...fields, username, password: random(12) });
    await answer.arrayBuffer();
  }

  async function forgot(from: string, email: string): Promise<void> {
    const visitor = at(from);
    const { action, fields } = await formOf(await visitor.get('/forgot'));
    await (await visitor.post(action, { ...fields, email })).arrayBuffer();
  }

  async function inventKey(from: string) {
    const visitor = at(from);
    const place = await placeOf(await visitor.open(client));
    const { body } = await visitor.postJson('authentication/options', place);
    const key = new Authenticator(server.issuer);
    key.create({ ...body, user: { id: random(16) } } as never);
    return { cookies: visitor.cookies, answer: { ...place, response: key.get(body) } };
  }
  let invented: ReturnType<typeof inventKey> | undefined;

  async function sendKey(from: string, { cookies, answer }: Awaited<ReturnType<typeof inventKey>>) {
    const visitor = at(from);
    for (const [name, cookie] of cookies) visitor.cookies.set(name, cookie);
    await visitor.postJson('authentication/verify', answer);
  }

  const [audit, limits] = ['T_auth_audit_log', 'T_rate_limits'];
  return [
    {
      name: 'an authorization request, and its page',
      send: async (from) => (await at(from).open(client)).arrayBuffer(),
    },
    { name: 'sign-up', send: async (from) => (await at(from).open(client, { prompt: 'create' })).text() },
    {
      name: 'an authorization request with prompt=none',
      send: async (from) => (await at(from).open(client, { prompt: 'none' })).arrayBuffer(),
      writes: [audit],
    },
    {
      name: 'an authorization request that is refused',
      send: async (from) => (await at(from).open(client, { code_challenge_method: 'plain' })).arrayBuffer(),
      writes: [audit],
    },
    {
      name: 'an authorization request that is too large',
      send: async (from) => (await at(from).open(client, { state: random(8000) })).arrayBuffer(),
      writes: [audit],
    },
    {
      name: 'a pushed request without a secret',
      send: (from) => postForm(from, '/request', authorization(client).params),
      writes: [audit],
    },
    {
      name: 'the request of a device',
      send: (from) => postForm(from, '/device/auth', { client_id: client.client_id, scope: 'openid' }),
      writes: [audit],
    },
    {
      name: 'the code of a device that nobody has',
      send: (from) => at(from).read(`/device?user_code=${random(8)}`),
      writes: [limits],
    },
    {
      name: 'an authorization request of an unknown application',
      send: (from) => at(from).read(`/auth?client_id=${random(9)}`),
    },
    { name: 'signing out', send: (from) => at(from).read('/session/end') },
    {
      name: 'signing out of an application',
      send: (from) => at(from).read(`/session/end?client_id=${client.client_id}&state=${random(1500)}`),
    },
    { name: 'a page of the account', send: (from) => at(from).read('/account/security') },
    { name: 'a page of no interaction', send: (from) => at(from).read(`/interaction/${random(32)}`) },
    { name: 'an unknown page', send: (from) => at(from).read(`/${random(20)}`) },
    {
      name: 'the options of a passkey sign-in',
      async send(from) {
        const visitor = at(from);
        await visitor.postJson('authentication/options', await placeOf(await visitor.open(client)));
      },
    },
    {
      name: 'an invented passkey',
      send: async (from) => sendKey(from, await inventKey(from)),
      writes: [audit, limits],
    },
    {
      name: 'the same answer of a passkey, again and again',
      async send(from) {
        invented ??= inventKey(from);
        await sendKey(from, await invented);
      },
      writes: [audit, limits],
    },
    { name: 'a code that nobody issued', send: (from) => postForm(from, '/token', { code: random(32) }) },
    {
      name: 'a wrong client secret',
      send: (from) =>
        postForm(from, '/token', {
          grant_type: 'client_credentials',
          client_id: client.client_id,
          client_secret: random(32),
        }),
      writes: [audit],
    },
    { name: 'introspection', send: (from) => postForm(from, '/token/introspection', { token: random(32) }) },
    {
      name: 'userinfo',
      send: async (from) => {
        const headers = { authorization: `Bearer ${random(32)}`, 'x-forwarded-for': from };
        await (await fetch(`${server.issuer}/me`, { headers })).arrayBuffer();
      },
    },
    {
      name: 'an unknown invitation',
      send: (from) => at(from).read(`/invitation?code=${random(15)}`),
      writes: [limits],
    },
    { name: 'a sign-in of nobody', send: (from) => signIn(from, random(9)), writes: [audit, limits] },
    {
      name: 'a wrong password',
      send: (from) => signIn(from, known.username),
      writes: [audit, limits],
    },
    {
      name: 'a forgotten password of nobody',
      send: (from) => forgot(from, `${random(9)}@harbour.example`.toLowerCase()),
      writes: [audit, limits],
    },
    {
      name: 'a forgotten password',
      send: (from) => forgot(from, known.email),
      writes: [audit, limits, 'T_account_links'],
    },
  ];
}
