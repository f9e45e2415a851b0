import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import type { TestServer } from '../server.ts';

export const SERVICE: Partial<ClientInput> = {
  grantTypes: ['client_credentials'],
  redirectUris: [],
  scope: 'notes:read',
};

/** A key of an application, as its private part and as the public one that is registered. */
export async function createKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

export type Key = Awaited<ReturnType<typeof createKey>>;

/** A service that authenticates with those keys. */
export const createService = (server: TestServer, keys: Key[], input: Partial<ClientInput> = {}) =>
  server.createClient({
    ...SERVICE,
    authMethod: 'private_key_jwt',
    jwks: { keys: keys.map(({ jwk }) => jwk) },
    ...input,
  });

export interface Assertion {
  claims?: JWTPayload;
  header?: Partial<JWTHeaderParameters>;
}

/** An assertion that is valid, except for what a test changes. A member that is undefined is left out. */
export function sign(
  server: TestServer,
  clientId: string,
  { kid, alg, privateKey }: Key,
  changes: Assertion = {},
) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: server.issuer,
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
  };
  return new SignJWT({ ...claims, ...changes.claims })
    .setProtectedHeader({ alg, kid, ...changes.header })
    .sign(privateKey);
}

/** A request of the service with that assertion. */
export function present(
  server: TestServer,
  assertion: string,
  path = '/token',
  params: Record<string, string> = {},
) {
  return fetch(server.issuer + path, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      ...params,
    }),
  });
}
