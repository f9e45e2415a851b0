import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { Browser, formOf } from '../test/support/browser.ts';
import {
  type Authorization,
  authorization,
  authorizeUrl,
  walk,
} from '../test/support/builders/authorization.ts';
import { API, ENTER } from './control.ts';
import { type Reply, send } from './http.ts';
import type { Measured } from './servers.ts';

export const AT_ONCE = 16;

/** One of sixteen users who send requests at the same time, each with their own session and tokens. */
export interface Actor {
  server: Measured;
  basic: Record<string, string>;
  cookie: Record<string, string>;
  accessToken: string;
  refreshToken: string;
  deviceCode: string;
  /** The nonce of the server's last answer to a DPoP proof. */
  nonce: string;
}

type Flow = (actor: Actor) => Promise<void>;

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function json(reply: Reply, status = 200): Record<string, string> {
  if (reply.status !== status) throw new Error(`${reply.status}: ${reply.body.slice(0, 300)}`);
  return JSON.parse(reply.body);
}

async function token({ server, basic }: Actor, form: Record<string, string>) {
  return json(await send(server.origin, '/token', { headers: basic, form }));
}

/** Redeems the code of a redirect. */
async function redeem(actor: Actor, request: Authorization, { status, location }: Reply) {
  const code = URL.parse(location)?.searchParams.get('code');
  if (!code) throw new Error(`no code (${status}): ${location}`);
  return token(actor, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: request.params.redirect_uri as string,
    code_verifier: request.verifier,
  });
}

/** Runs the code flow in a signed-in session. */
async function code(actor: Actor, prompt?: string): Promise<Record<string, string>> {
  const request = authorization(actor.server.client, { prompt });
  const reply = await send(actor.server.origin, authorizeUrl(request), { headers: actor.cookie });
  return redeem(actor, request, reply);
}

/** Pushes the request first (RFC 9126). */
async function pushed(actor: Actor): Promise<void> {
  const { server, basic, cookie } = actor;
  const request = authorization(server.client, { prompt: 'none' });
  const reply = await send(server.origin, '/request', { headers: basic, form: request.params });
  const { request_uri = '' } = json(reply, 201);
  const query = new URLSearchParams({ client_id: server.client.client_id, request_uri });
  await redeem(actor, request, await send(server.origin, `/auth?${query}`, { headers: cookie }));
}

/** The code flow of a public application that describes itself by a document. */
async function ofDocument({ server, cookie }: Actor): Promise<void> {
  const { origin, client, documentClientId } = server;
  const request = authorization({ ...client, client_id: documentClientId }, { prompt: 'none' });
  const { location } = await send(origin, authorizeUrl(request), { headers: cookie });
  const code = URL.parse(location)?.searchParams.get('code');
  if (!code) throw new Error(`no code: ${location}`);
  const form = {
    grant_type: 'authorization_code',
    client_id: documentClientId,
    code,
    redirect_uri: request.params.redirect_uri as string,
    code_verifier: request.verifier,
  };
  json(await send(origin, '/token', { form }));
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PROOF_HEADER = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) });

/** A DPoP proof for the token endpoint (RFC 9449 section 4.2). */
function proofOf(actor: Actor): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { jti: randomUUID(), htm: 'POST', htu: `${actor.server.origin}/token`, iat };
  const signed = `${PROOF_HEADER}.${encode({ ...claims, nonce: actor.nonce || undefined })}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

/** Gets a token that is bound to a key. */
async function bound(actor: Actor): Promise<void> {
  const { server, basic } = actor;
  const ask = () =>
    send(server.origin, '/token', {
      headers: { ...basic, dpop: proofOf(actor) },
      form: { grant_type: 'client_credentials' },
    });
  let reply = await ask();
  if (reply.nonce !== '') actor.nonce = reply.nonce;
  if (reply.status === 400) reply = await ask();
  if (json(reply).token_type !== 'DPoP') throw new Error('the token is not bound');
}

/** Polls for a device whose user has not answered. Sooner than the interval allows, which costs the server as much. */
async function poll(actor: Actor): Promise<void> {
  const { server, basic } = actor;
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: actor.deviceCode,
  };
  const reply =
    actor.deviceCode === '' ? undefined : await send(server.origin, '/token', { headers: basic, form });
  const { error = 'expired_token' } = reply ? json(reply, 400) : {};
  if (error === 'authorization_pending' || error === 'slow_down') return;
  if (error !== 'expired_token') throw new Error(error);
  const started = await send(server.origin, '/device/auth', { headers: basic, form: { scope: 'openid' } });
  actor.deviceCode = json(started).device_code as string;
}

/** Runs the code flow without a session, through an interaction that signs in without a page. */
async function signIn(actor: Actor): Promise<void> {
  const { origin, client } = actor.server;
  const request = authorization(client);
  const cookies = new Map<string, string>();
  const go = async (path: string) => {
    const reply = await send(origin, path, { headers: { cookie: [...cookies.values()].join('; ') } });
    for (const cookie of reply.cookies) cookies.set(cookie.slice(0, cookie.indexOf('=')), cookie);
    return reply;
  };
  const interaction = await go(authorizeUrl(request));
  const resume = await go(`${new URL(interaction.location, origin).pathname}${ENTER}`);
  await redeem(actor, request, await go(new URL(resume.location).pathname));
}

export const flows: Record<string, Flow> = {
  'code flow': signIn,
  'prompt=none': async (actor) => {
    await code(actor, 'none');
  },
  async refresh(actor) {
    const { refreshToken } = actor;
    const fresh = await token(actor, { grant_type: 'refresh_token', refresh_token: refreshToken });
    if (!fresh.refresh_token) throw new Error('the refresh token was not rotated');
    actor.refreshToken = fresh.refresh_token;
  },
  async 'client cred.'(actor) {
    await token(actor, { grant_type: 'client_credentials' });
  },
  'PAR + code': pushed,
  'CIMD client': ofDocument,
  'DPoP token': bound,
  'device poll': poll,
  async 'JWT token'(actor) {
    const form = { grant_type: 'client_credentials', scope: API.scope, resource: API.identifier };
    const { access_token = '' } = await token(actor, form);
    if (access_token.split('.').length !== 3) throw new Error('the token is no JWT');
  },
  async introspect({ server, basic, accessToken }) {
    const form = { token: accessToken };
    const { active } = json(await send(server.origin, '/token/introspection', { headers: basic, form }));
    if (!active) throw new Error('the token is not active');
  },
  async userinfo({ server, accessToken }) {
    json(await send(server.origin, '/me', { headers: { authorization: `Bearer ${accessToken}` } }));
  },
};

async function actorOf(server: Measured): Promise<Actor> {
  const { client_id, client_secret } = server.client;
  const credentials = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
  const browser = new Browser(server.origin);
  await walk(browser, authorization(server.client), server.person);
  await walk(browser, authorization({ ...server.client, client_id: server.documentClientId }), server.person);
  const cookie = [...browser.cookies]
    .filter(([, { path }]) => path === '/')
    .map(([key, { value }]) => `${key.slice(2)}=${value}`)
    .join('; ');
  const basic = { authorization: `Basic ${credentials}` };
  const actor = {
    server,
    basic,
    cookie: { cookie },
    accessToken: '',
    refreshToken: '',
    deviceCode: '',
    nonce: '',
  };
  const tokens = await code(actor);
  if (!tokens.refresh_token) throw new Error('there is no refresh token');
  return { ...actor, accessToken: tokens.access_token as string, refreshToken: tokens.refresh_token };
}

/** Signs sixteen users in through the pages, one after another. */
export async function actorsOf(server: Measured): Promise<Actor[]> {
  const actors: Actor[] = [];
  while (actors.length < AT_ONCE) actors.push(await actorOf(server));
  return actors;
}

/**
 * Sends the sign-in form with a wrong password at an even pace until stopped.
 * @returns how often each status was answered
 */
export async function signIns(server: Measured, perSecond: number) {
  const forms: { path: string; headers: Record<string, string>; form: Record<string, string> }[] = [];
  for (let count = 0; count < perSecond; count += 1) {
    const browser = new Browser(server.origin);
    const request = authorization(server.client);
    const page = await browser.follow(await browser.get(`/auth?${new URLSearchParams(request.params)}`));
    const { action, fields } = await formOf(page);
    const cookie = [...browser.cookies].map(([key, { value }]) => `${key.split(' ')[1]}=${value}`).join('; ');
    const form = { ...fields, username: server.person.username, password: 'not the password' };
    forms.push({ path: action, headers: { cookie, origin: server.origin }, form });
  }
  const statuses: Record<string, number> = {};
  const sent: Promise<void>[] = [];
  let turn = 0;
  const timer = setInterval(() => {
    const { path, headers, form } = forms[turn % forms.length] as (typeof forms)[number];
    turn += 1;
    const from = { 'x-forwarded-for': `10.${turn >> 16}.${(turn >> 8) & 255}.${turn & 255}` };
    const answered = send(server.origin, path, { headers: { ...headers, ...from }, form }).then(
      ({ status }) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
      },
    );
    answered.catch(() => {});
    sent.push(answered);
  }, 1000 / perSecond);
  return {
    statuses,
    /** Resolves when the last response has arrived. */
    async stop() {
      clearInterval(timer);
      await Promise.allSettled(sent);
    },
  };
}
