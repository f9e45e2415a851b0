import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { CIBA } from '../../access/grant-type-names.ts';
import type { Config } from '../../config/settings.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { FAPI_ALGS } from '../clients/fapi.ts';
import { markAssertion } from '../storage/replay-detection.ts';

/** The longest lifetime of an assertion, whose id is stored until it ends. */
const MAX_LIFETIME_SECONDS = 3600;
/** How many seconds the clock of a client may be fast (FAPI 2.0 Security Profile section 5.3.2.1). */
export const FAST_CLOCK_SECONDS = 10;

/** How many seconds in the future an assertion may say that it was made. */
const MAX_FAST_CLOCK_SECONDS = 60;

/** The explicit type of a client assertion (RFC 7523bis section 4), or none. A JWT of another type was made for something else. */
const TYPES = ['client-authentication+jwt', 'jwt'];

type AudienceConfig = Pick<Config, 'issuer' | 'mtlsUrl' | 'tokenEndpointAudience'>;

/** Endpoints at the address for requests with certificates, if there is one (RFC 8705 section 5). */
export const toAliases = (
  urls: string[],
  { issuer, mtlsUrl }: Pick<Config, 'issuer' | 'mtlsUrl'>,
): string[] => (mtlsUrl === undefined ? [] : urls.map((url) => mtlsUrl + url.slice(issuer.length)));

/**
 * The audiences of which an assertion of that client has one. A hostile server can lead a client to name an endpoint of ours
 * in an assertion for itself, but not our issuer (RFC 7523bis). CIBA Core section 7.1 demands two endpoints all the same.
 */
function findAudiences({ oidc }: KoaContextWithOIDC, client: EngineClient, config: AudienceConfig): string[] {
  const isCiba = client.grantTypeAllowed(CIBA);
  // FAPI-CIBA is not part of FAPI 2.0, which accepts the issuer alone.
  if (client.fapi && (!isCiba || client.grantTypeAllowed('authorization_code'))) return [oidc.issuer];
  const token = isCiba || config.tokenEndpointAudience ? [oidc.urlFor('token')] : [];
  const urls = [...token, ...(isCiba ? [oidc.urlFor('backchannel_authentication')] : [])];
  return [oidc.issuer, ...urls, ...toAliases(urls, config)];
}

function checkClaims(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): void {
  if (Number(claims.iat) > Date.now() / 1000 + MAX_FAST_CLOCK_SECONDS)
    throw new errors.InvalidClientAuth('the iat of a client assertion is in the future');
  if (ctx.oidc.isFapi('2.0') && (typeof claims.aud !== 'string' || !FAPI_ALGS.includes(String(header.alg))))
    throw new errors.InvalidClientAuth(
      `a client assertion of the FAPI 2.0 profile has an aud that is no list, and is signed with ${FAPI_ALGS.join(', ')}`,
    );
  if (header.typ !== undefined && !TYPES.includes(String(header.typ).toLowerCase()))
    throw new errors.InvalidClientAuth(`the typ of a client assertion must be ${TYPES[0]}, JWT or left out`);
  if (Number(claims.exp) > Date.now() / 1000 + MAX_LIFETIME_SECONDS + FAST_CLOCK_SECONDS)
    throw new errors.InvalidClientAuth('a client assertion must expire within an hour (exp)');
}

/**
 * Checks what the engine leaves to us of the assertion by which a client authenticates (RFC 7523 section 3). It is called once
 * the signature is known to be valid. An assertion has one audience alone: another server that it also names could pass it on.
 * The check throws errors.InvalidClientAuth with the reason for the log.
 */
export const createAssertionCheck =
  (config: AudienceConfig) =>
  async (
    ctx: KoaContextWithOIDC,
    claims: Record<string, unknown>,
    header: Record<string, unknown>,
    client: EngineClient,
  ): Promise<void> => {
    const audiences = [claims.aud].flat();
    const accepted = findAudiences(ctx, client, config);
    if (audiences.length !== 1 || !accepted.includes(String(audiences[0])))
      throw new errors.InvalidClientAuth(
        `the aud of a client assertion must be ${accepted.join(' or ')} alone`,
      );
    checkClaims(ctx, claims, header);
    markAssertion(currentUnit());
  };
