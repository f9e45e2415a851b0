import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import { Browser } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { walk } from './authorization.ts';

export const OPERATOR = { accountId: null };
const CACHE_MS = 1000;
export const wait = () => new Promise((resolve) => setTimeout(resolve, CACHE_MS));

export type Claims = Record<string, unknown>;

/** Only those claims, since the others are not what a test is about. */
export const only = (claims: Claims, names: string[]) =>
  Object.fromEntries(names.filter((name) => name in claims).map((name) => [name, claims[name]]));

export async function userinfo(server: TestServer, token: unknown): Promise<Claims> {
  const response = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  return (await response.json()) as Claims;
}

/** Signs in with openid-client. @returns the claims of the ID token and of userinfo, and a function that refreshes */
export async function signInForClaims(
  server: TestServer,
  client: ClientDocument,
  person: { id: string; username: string; password: string },
  params: Record<string, string> = {},
) {
  const options = { execute: [oidc.allowInsecureRequests] };
  const { client_id, client_secret } = client;
  const config = await oidc.discovery(new URL(server.issuer), client_id, client_secret, undefined, options);
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: 'https://fieldnotes.example/cb',
    scope: 'openid profile email offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...params,
  });
  const request = { params: Object.fromEntries(url.searchParams), verifier };
  const last = await walk(new Browser(server.issuer), request, person);
  const location = new URL(last.headers.get('location') ?? '');
  const tokens = await oidc.authorizationCodeGrant(config, location, { pkceCodeVerifier: verifier });
  const read = async (from: typeof tokens) => ({
    idToken: from.claims() as Claims,
    userinfo: (await oidc.fetchUserInfo(config, from.access_token, person.id)) as Claims,
  });
  return {
    ...(await read(tokens)),
    refresh: async () => read(await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')),
  };
}

export async function createEditor(server: TestServer) {
  const person = await server.createAccount();
  await server.services.accounts.roles.grant(OPERATOR, { username: person.username, role: 'editor' });
  return person;
}
