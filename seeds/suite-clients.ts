import type { Services } from '../src/app/services.ts';
import { LatchkeyError } from '../src/kit/errors.ts';
import type { ClientInput } from '../src/oidc/clients/input.ts';
import { generateKey } from '../src/oidc/signing-keys/generate.ts';
import { SUITE } from './suite-browser.ts';
import type { FapiSuiteClient, SuiteClient } from './suite-configuration.ts';

type Clients = Pick<Services, 'clients'>;

/** The operator. */
export const ACTOR = { accountId: null };
export const SCOPE = 'openid profile email address phone';

export const isMissing = (error: unknown): boolean =>
  error instanceof LatchkeyError && error.kind === 'not_found';

/**
 * The suite sends requests without PKCE, and without a nonce in one module. It warns of claims in the ID token that only a
 * scope asked for.
 */
export const basicClient = (clientId: string): ClientInput => ({
  clientId,
  name: `OpenID conformance suite (${clientId})`,
  redirectUris: [`${SUITE}/callback`, `${SUITE}/callback?dummy1=lorem&dummy2=ipsum`],
  postLogoutRedirectUris: [`${SUITE}/post_logout_redirect`],
  scope: SCOPE,
  pkce: 'off',
  idTokenClaims: 'requested',
  firstParty: true,
});

/** For the plan of back-channel logout alone: a module of another plan fails at a logout token. */
export const backchannelClient = (clientId: string): ClientInput => ({
  ...basicClient(clientId),
  backchannelLogoutUri: `${SUITE}/backchannel_logout`,
});

/** The clients of FAPI 2.0 push their requests, use PKCE, and bind their tokens to a key. The user is asked, and denies once. */
export const fapiClient = (clientId: string): ClientInput => ({
  ...basicClient(clientId),
  pkce: 'always',
  fapi: true,
  firstParty: false,
  authMethod: 'private_key_jwt',
});

/** Those of FAPI 2.0 Message Signing also sign their requests. */
export const signedClient = (clientId: string): ClientInput => ({
  ...fapiClient(clientId),
  requireSignedRequest: true,
});

/** Those of CIBA poll. */
export const cibaClient = (clientId: string): ClientInput => ({
  ...fapiClient(clientId),
  redirectUris: [],
  postLogoutRedirectUris: [],
  grantTypes: ['urn:openid:params:grant-type:ciba', 'refresh_token'],
});

/** PS256: the suite signs with the same key by RS256, and this must be refused. */
async function generateRsaKey() {
  const { publicJwk, privateJwk } = await generateKey('RS256');
  return { publicJwk: { ...publicJwk, alg: 'PS256' }, privateJwk: { ...privateJwk, alg: 'PS256' } };
}

/** Registers a client with a new key, or gives it to the earlier one. */
export async function registerFapi({ clients }: Clients, made: ClientInput): Promise<FapiSuiteClient> {
  const { publicJwk, privateJwk } = await generateRsaKey();
  const input = { ...made, jwks: { keys: [publicJwk] } as ClientInput['jwks'] };
  const { clientId = '', ...changes } = input;
  await clients.update(ACTOR, clientId, changes).catch((error) => {
    if (isMissing(error)) return clients.create(ACTOR, input);
    throw error;
  });
  return { client_id: clientId, scope: 'openid profile offline_access', jwks: { keys: [privateJwk] } };
}

/**
 * Registers two clients whose tokens are bound to a certificate.
 * @returns undefined where the server takes no certificates
 */
export async function registerBoundPair(
  deps: Clients,
  ids: [string, string],
  made: (clientId: string) => ClientInput,
): Promise<[FapiSuiteClient, FapiSuiteClient] | undefined> {
  const registerOne = (clientId: string) => registerFapi(deps, { ...made(clientId), requireMtls: true });
  try {
    return [await registerOne(ids[0]), await registerOne(ids[1])];
  } catch (error) {
    if (error instanceof LatchkeyError && error.code === 'mutual_tls_off') return undefined;
    throw error;
  }
}

/** Registers a client, or gives the earlier one another secret. @returns what the suite needs of it */
export async function register({ clients }: Clients, made: ClientInput): Promise<SuiteClient> {
  const { clientId = '', ...changes } = made;
  const document = await clients.update(ACTOR, clientId, changes).then(
    () => clients.rotateSecret(ACTOR, clientId),
    (error) => {
      if (isMissing(error)) return clients.create(ACTOR, made);
      throw error;
    },
  );
  return { client_id: clientId, client_secret: String(document.client_secret) };
}
