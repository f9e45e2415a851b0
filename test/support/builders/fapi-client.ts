import * as oidc from 'openid-client';
import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import { Browser } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { answerOf, walk } from './authorization.ts';
import { type Assertion, createKey, type Key, sign } from './client-assertions.ts';

export interface FapiClient {
  client: ClientDocument;
  key: Key;
  redirectUri: string;
  /** openid-client with the client's key. */
  config: oidc.Configuration;
  dpop: oidc.DPoPHandle;
  verifier: string;
  /** A request that the profile allows. */
  request(params?: Record<string, string>): Promise<Record<string, string>>;
  /** Sends a request to an endpoint, authenticated as the changes say. */
  send(path: string, params: Record<string, string>, changes?: Assertion): Promise<Response>;
  /** Signs a user in. @returns where the browser arrived, with the code */
  signIn(user: { username: string; password: string }, params?: Record<string, string>): Promise<URL>;
}

/** Registers an application with --fapi, which authenticates with private_key_jwt and uses DPoP. */
export async function createFapiClient(
  server: TestServer,
  input: Partial<ClientInput> = {},
): Promise<FapiClient> {
  const key = await createKey('ES256', 'fapi');
  const client = await server.createClient({
    fapi: true,
    authMethod: 'private_key_jwt',
    jwks: { keys: [key.jwk] },
    ...input,
  });
  const [redirectUri = ''] = client.redirect_uris as string[];
  const auth = oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid });
  const config = await oidc.discovery(new URL(server.issuer), client.client_id, client as never, auth, {
    execute: [oidc.allowInsecureRequests],
  });
  const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const verifier = oidc.randomPKCECodeVerifier();
  const request = async (params = {}) => ({
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile offline_access',
    state: 'x',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...params,
  });
  return {
    client,
    key,
    redirectUri,
    config,
    dpop,
    verifier,
    request,
    async send(path, params, changes) {
      const body = new URLSearchParams({
        client_id: client.client_id,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await sign(server, client.client_id, key, changes),
        ...params,
      });
      return fetch(server.issuer + path, { method: 'POST', body });
    },
    async signIn(user, params) {
      const url = await oidc.buildAuthorizationUrlWithPAR(config, await request(params), { DPoP: dpop });
      const pushed = { verifier, params: Object.fromEntries(url.searchParams) };
      const answer = await walk(new Browser(server.issuer), pushed, user);
      return new URL(`${redirectUri}?${answerOf(answer)}`);
    },
  };
}

/** Redeems the code with which a browser arrived. */
export const redeemFapi = ({ config, verifier, dpop }: FapiClient, arrived: URL, nonce?: string) =>
  oidc.authorizationCodeGrant(
    config,
    arrived,
    {
      pkceCodeVerifier: verifier,
      expectedState: 'x',
      ...(nonce === undefined ? {} : { expectedNonce: nonce }),
    },
    undefined,
    { DPoP: dpop },
  );
