import assert from 'node:assert/strict';
import { decodeProtectedHeader } from 'jose';
import { Browser } from '../browser.ts';
import { createMigratedDatabase } from '../databases.ts';
import type { engines } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';

export const OPERATOR = { accountId: null };
export const MINUTE = 60_000;
const HOME = 'https://fieldnotes.example/home';

export const after = (ms: number) => new Date(Date.now() + ms);
export const kidOf = (jwt: unknown) => decodeProtectedHeader(String(jwt)).kid;

/** Two servers on one database, and an application that people are asked nothing by. */
export async function startTwo(t: Parameters<typeof startServer>[0], engine: (typeof engines)[number]) {
  const storage = await createMigratedDatabase(engine);
  t.after(() => storage.drop());
  const first = await startServer(t, engine, { storage });
  const second = await startServer(t, engine, { storage, config: { issuer: first.issuer } });
  const secondAt = `http://127.0.0.1:${second.config.port}`;
  const client = await first.createClient({ firstParty: true, postLogoutRedirectUris: [HOME] });
  const person = await first.createAccount();
  return { first, second, at: [first.issuer, secondAt] as const, client, person };
}

export async function publishedKids(issuer: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string; d?: string }[] };
  assert.ok(
    keys.every((key) => key.d === undefined),
    'no private key is published',
  );
  return keys.map(({ kid }) => kid);
}

export async function kidOfKey({ services }: TestServer, status: string, alg = 'RS256'): Promise<string> {
  const keys = await services.signingKeys.list();
  return keys.find((key) => key.status === status && key.alg === alg)?.kid ?? assert.fail();
}

/** One active and one next key for each algorithm. */
export function assertConsistent(keys: { alg: string; status: string }[]): void {
  const inUse = keys.filter(({ status }) => status !== 'retired');
  assert.deepEqual(inUse.map(({ alg, status }) => `${alg} ${status}`).sort(), [
    'ES256 active',
    'ES256 next',
    'EdDSA active',
    'EdDSA next',
    'RS256 active',
    'RS256 next',
  ]);
}

/** Signs out with an ID token, in a browser without a session. @returns whether the token was accepted */
export async function acceptsHint(issuer: string, idToken: unknown): Promise<boolean> {
  const query = new URLSearchParams({
    id_token_hint: String(idToken),
    post_logout_redirect_uri: HOME,
  });
  const answer = await new Browser(issuer).get(`/session/end?${query}`);
  assert.ok(answer.status === 303 || answer.status === 400, `status ${answer.status}`);
  return answer.headers.get('location') === HOME;
}
