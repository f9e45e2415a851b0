import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { EngineClient } from './clients/client-document.ts';

/**
 * Checks a request object (RFC 9101) before the engine verifies it with the keys of the application. HS256 is for clients of
 * `client_secret_jwt` alone: of all others this server knows only the digest of the secret, and whoever has a copy of the
 * database would have the key. One that names the client in `sub` would also be a client assertion (RFC 9101 section 10.8),
 * and the browser that brings it could authenticate as the application.
 * @throws InvalidRequestObject
 */
async function checkRequestObject(
  _ctx: KoaContextWithOIDC,
  claims: { sub?: unknown },
  header: { alg?: unknown },
  client: Pick<EngineClient, 'clientId' | 'clientAuthMethod'>,
): Promise<void> {
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
 * Messages that are signed: authorization requests (JAR) and responses (JARM), userinfo, and introspection (RFC 9701). An
 * unsigned request object is refused: it proves no more than plain parameters do (RFC 9101 section 10.2). Request objects
 * are read from the request alone, or pushed: this server fetches none.
 */
export const signedMessages = {
  requestObjects: { enabled: true, assertJwtClaimsAndHeader: checkRequestObject },
  jwtResponseModes: { enabled: true },
  jwtUserinfo: { enabled: true },
  jwtIntrospection: { enabled: true },
};
