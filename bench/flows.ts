import { Browser, formOf } from '../test/support/browser.ts';
import {
  type Authorization,
  authorization,
  authorizeUrl,
  walk,
} from '../test/support/builders/authorization.ts';
import { ENTER } from './control.ts';
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
}

type Flow = (actor: Actor) => Promise<void>;

function json(reply: Reply): Record<string, string> {
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.body.slice(0, 300)}`);
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
  const cookie = [...browser.cookies]
    .filter(([, { path }]) => path === '/')
    .map(([key, { value }]) => `${key.slice(2)}=${value}`)
    .join('; ');
  const basic = { authorization: `Basic ${credentials}` };
  const actor = { server, basic, cookie: { cookie }, accessToken: '', refreshToken: '' };
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
