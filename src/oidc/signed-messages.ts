import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { EngineClient } from './clients/client-document.ts';
import { FAPI_ALGS } from './clients/fapi.ts';

/** What a signed request without a browser says (CIBA Core section 7.1.1). */
const CIBA_CLAIMS = ['aud', 'iss', 'exp', 'iat', 'nbf', 'jti'];
/** What every signed request of the FAPI profile says (FAPI 2.0 Message Signing section 5.3.1). */
const FAPI_CLAIMS = ['aud', 'exp', 'nbf'];
/** How long a request object of the FAPI profile may be valid. */
const FAPI_LIFETIME_SECONDS = 3600;

interface RequestClaims {
  [name: string]: unknown;
  sub?: unknown;
}

function requireClaims(claims: RequestClaims, names: string[]): void {
  const missing = names.find((name) => claims[name] === undefined);
  if (missing !== undefined)
    throw new errors.InvalidRequestObject(`the request object has no ${missing}, which it must have`);
}

function checkFapiObject(claims: RequestClaims, alg: string): void {
  requireClaims(claims, FAPI_CLAIMS);
  const life = Number(claims.exp) - Number(claims.nbf);
  if (!(life > 0 && life <= FAPI_LIFETIME_SECONDS))
    throw new errors.InvalidRequestObject('the request object is valid for more than an hour (nbf, exp)');
  if (!FAPI_ALGS.includes(alg))
    throw new errors.InvalidRequestObject(`the request object is not signed with ${FAPI_ALGS.join(', ')}`);
}

/**
 * Checks a request object (RFC 9101) before the engine verifies it with the keys of the application. HS256 is for clients of
 * `client_secret_jwt` alone: of all others this server knows only the digest of the secret, and whoever has a copy of the
 * database would have the key. One that names the client in `sub` would also be a client assertion (RFC 9101 section 10.8),
 * and the browser that brings it could authenticate as the application.
 * @throws InvalidRequestObject
 */
async function checkRequestObject(
  { oidc }: KoaContextWithOIDC,
  claims: RequestClaims,
  header: { alg?: unknown },
  client: Pick<EngineClient, 'clientId' | 'clientAuthMethod'>,
): Promise<void> {
  if (oidc.route === 'backchannel_authentication') requireClaims(claims, CIBA_CLAIMS);
  // What was pushed comes back as an object of the engine's own, which was checked when it was pushed.
  const wasPushed = oidc.entities.PushedAuthorizationRequest !== undefined;
  if (oidc.isFapi('2.0') && !wasPushed) checkFapiObject(claims, String(header.alg));
  if (claims.sub === client.clientId)
    throw new errors.InvalidRequestObject(
      'the request object must not have the client_id as its sub, which belongs to client assertions',
    );
  if (String(header.alg).startsWith('HS') && client.clientAuthMethod !== 'client_secret_jwt')
    throw new errors.InvalidRequestObject(
      'the request object is signed with a secret; only applications that authenticate with client_secret_jwt can do so',
    );
}

/**
 * Messages that are signed: authorization requests (JAR) and responses (JARM), userinfo, and introspection (RFC 9701). Unsigned
 * request objects are refused, because they prove no more than plain parameters (RFC 9101 section 10.2).
 * `request-references.ts` fetches those that a request only names.
 */
export const signedMessages = {
  requestObjects: { enabled: true, assertJwtClaimsAndHeader: checkRequestObject },
  jwtResponseModes: { enabled: true },
  jwtUserinfo: { enabled: true },
  jwtIntrospection: { enabled: true },
};
