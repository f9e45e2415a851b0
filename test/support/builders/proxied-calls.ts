import assert from 'node:assert/strict';
import type { Logger } from '../../../src/kit/log.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import type { EngineName } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';
import { addGoogle, connectGoogle } from '../upstream/connected.ts';
import { startGoogle } from '../upstream/google.ts';
import { signInWith } from './authorization.ts';

export const CALENDARS = 'calendar/v3/users/me/calendarList';
const AUTH = 'https://www.googleapis.com/auth';
const GOOGLE_SCOPE = `openid email ${AUTH}/calendar.readonly ${AUTH}/calendar`;

/** A server on which people connect accounts of a stand-in for Google. */
export async function startWithGoogle(
  t: Parameters<typeof startServer>[0],
  engine: EngineName,
  config: Partial<TestServer['config']> = {},
  log?: Logger,
) {
  const google = await startGoogle(t);
  const server = await startServer(t, engine, {
    config: { allowPrivateServices: true, ...config },
    ...(log && { log }),
  });
  await addGoogle(server.services, google);
  return { server, google };
}

type Started = Awaited<ReturnType<typeof startWithGoogle>>;
let people = 0;

/** A person, their connected account, and an application with an access token for it. */
export async function beginCalls(
  { server, google }: Started,
  options: {
    service?: string;
    scope?: string;
    granted?: string;
    ceiling?: string;
    client?: Partial<ClientInput>;
    isConnected?: boolean;
    life?: number;
  } = {},
) {
  const { service = 'google', granted = GOOGLE_SCOPE, ceiling = 'openid profile connections:*' } = options;
  const scope = options.scope ?? `openid connections:${service}.read`;
  people += 1;
  const person = await server.createAccount(`person${people}`, ceiling);
  const client = await server.createClient({
    scope: `openid connections:${service}.write`,
    ...options.client,
  });
  const connect = () =>
    connectGoogle(server.services.connections, google, person, {
      externalId: `google-${Math.random()}`,
      scope: granted,
      service,
      ...(options.life !== undefined && { life: options.life }),
    });
  // Without a connection, the sign-in would lead through making one.
  const connectionId = await connect();
  const { tokens } = await signInWith(server, client, person, { scope });
  if (options.isConnected === false)
    await server.database.knex('T_user_providers').where({ id: connectionId }).delete();
  const token = String(tokens.body.access_token);
  assert.ok(tokens.body.access_token, JSON.stringify(tokens.body));
  return { person, client, connectionId, connect, token, call: callerOf(server, token, service) };
}

/** @returns what makes a call as that application */
export const callerOf =
  ({ issuer }: Pick<TestServer, 'issuer'>, token: string, service = 'google') =>
  (path: string, init: RequestInit & { duplex?: 'half' } = {}) =>
    fetch(`${issuer}/connections/${service}/proxy/${path}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
    });

/** Asserts that an answer is a problem of the proxy. @returns the document */
export async function problemOf(response: Response, status: number, code: string) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.match(String(response.headers.get('content-type')), /^application\/problem\+json/);
  const problem = JSON.parse(text);
  assert.equal(problem.code, code);
  return problem;
}

/** What the log of uses has of a person, the oldest first. Waits until `count` uses have ended, five seconds at most. */
export async function usesOf({ services, database }: TestServer, person: { id: string }, count = 1) {
  for (let tries = 0; ; tries += 1) {
    await services.connections.useLog.write();
    const rows = await database.knex('T_sync_logs').where({ account_id: person.id }).orderBy('id');
    if (rows.length >= count || tries === 100) return rows;
    await new Promise((done) => setTimeout(done, 50));
  }
}
