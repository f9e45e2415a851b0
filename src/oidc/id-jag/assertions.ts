import { decodeJwt, type JWTPayload, errors as joseErrors, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { isStorable } from '../../kit/text.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import type { TrustedIssuer } from './store.ts';

/** The `typ` of an identity assertion. Other JWTs of the same issuer, such as ID tokens, must not pass for one (RFC 8725 section 3.11). */
export const ID_JAG_TYPE = 'oauth-id-jag+jwt';
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
/** How long ago an assertion may have been issued. */
const MAX_AGE_SECONDS = 600;
const CLOCK_TOLERANCE_SECONDS = 30;

export interface IdentityAssertion extends JWTPayload {
  sub: string;
  jti: string;
  exp: number;
  client_id: string;
  email?: string;
  email_verified?: boolean;
  resource?: string | string[];
  scope?: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
}

/** The members that are compared or looked up. */
const TEXTS = ['iss', 'sub', 'jti', 'client_id', 'email', 'scope', 'resource', 'acr'];

/** The last time that every database can store, in seconds since 1970. */
const LAST_STORABLE_SECOND = 253_402_300_799;

const isTime = (value: unknown) => value === undefined || Number.isSafeInteger(value);
const isTextList = (value: unknown) =>
  value === undefined ||
  (Array.isArray(value) && value.every((one) => typeof one === 'string' && isStorable(one)));

const refused = (detail: string, cause?: unknown) =>
  Object.assign(new errors.InvalidGrant(detail), cause === undefined ? {} : { cause });

/** @throws InvalidGrant for a JWT with members that cannot be looked up */
function readIssuer(assertion: string): string {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(assertion);
  } catch {
    throw refused('the assertion is no JWT');
  }
  for (const name of TEXTS) {
    // Only `resource` may be a list.
    const values = name === 'resource' ? [claims[name] ?? []].flat() : [claims[name]];
    if (values.some((one) => one !== undefined && (typeof one !== 'string' || !isStorable(one))))
      throw refused(`the assertion has a ${name} that is no text, or has a character that cannot be stored`);
  }
  return String(claims.iss);
}

/**
 * Verifies identity assertions (ID-JAG section 4.4.1, RFC 7523 section 3).
 * @param deps `issuer`: of this server
 */
export function createAssertionVerifier(deps: {
  issuer: string;
  fetch: GuardedFetch;
  findTrustedIssuer(issuer: string): Promise<TrustedIssuer | undefined>;
}) {
  const keysOf = createIssuerKeys(deps.fetch);

  /** @throws InvalidGrant, whose sentence names the rule that the assertion breaks */
  return async (
    assertion: string,
    clientId: string,
  ): Promise<{ claims: IdentityAssertion; issuer: TrustedIssuer }> => {
    const named = readIssuer(assertion);
    const issuer = named === deps.issuer ? undefined : await deps.findTrustedIssuer(named);
    if (!issuer) throw refused('the issuer of the assertion is not trusted here');
    const verify = async (mayBeOld: boolean) =>
      jwtVerify<IdentityAssertion>(assertion, await keysOf(issuer.jwks_uri, mayBeOld), {
        issuer: issuer.issuer,
        audience: deps.issuer,
        typ: ID_JAG_TYPE,
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
        maxTokenAge: MAX_AGE_SECONDS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
    const verified = await verify(true)
      .catch((error) => {
        if (error instanceof joseErrors.JWKSNoMatchingKey) return verify(false);
        throw error;
      })
      .catch((error: Error) => {
        if (error instanceof joseErrors.JOSEError)
          throw refused(`the assertion is invalid: ${error.message}`);
        throw refused('the keys of the issuer could not be read', error);
      });
    const { payload: claims } = verified;
    if (claims.exp > LAST_STORABLE_SECOND || !isTime(claims.auth_time) || !isTextList(claims.amr))
      throw refused('the assertion has exp, auth_time or amr of another form');
    if (Array.isArray(claims.aud) && claims.aud.length > 1)
      throw refused('the assertion is for several servers');
    if (claims.client_id !== clientId) throw refused('the assertion is for another application');
    return { claims, issuer };
  };
}
