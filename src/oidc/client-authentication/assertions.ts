import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { currentUnit } from '../../database/unit-of-work.ts';
import { FAPI_ALGS } from '../clients/fapi.ts';
import { markAssertion } from '../storage/replay-detection.ts';

/** In seconds. Its id is stored until it ends. */
const MAX_LIFE = 3600;
/** How many seconds the clock of a client may be fast (FAPI 2.0 Security Profile section 5.3.2.1). */
export const FAST_CLOCK = 10;

/** How many seconds in the future an assertion may say that it was made. */
const MOST_FAST = 60;

/** The explicit type of a client assertion (RFC 7523bis section 4), or none. A JWT of another type was made for something else. */
const TYPES = ['client-authentication+jwt', 'jwt'];

/**
 * Checks what the engine leaves to us of the assertion by which a client authenticates (RFC 7523 section 3). Called once the
 * signature is known to be valid. The audience must be the issuer alone, as RFC 7523bis asks: an assertion that may name
 * another server too could be passed on by that server.
 * @throws errors.InvalidClientAuth with the reason for the log
 */
export async function checkAssertion(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): Promise<void> {
  const { issuer } = ctx.oidc;
  const audiences = [claims.aud].flat();
  if (audiences.length !== 1 || audiences[0] !== issuer)
    throw new errors.InvalidClientAuth(`the aud of a client assertion must be ${issuer} alone`);
  if (Number(claims.iat) > Date.now() / 1000 + MOST_FAST)
    throw new errors.InvalidClientAuth('the iat of a client assertion is in the future');
  if (ctx.oidc.isFapi('2.0') && (typeof claims.aud !== 'string' || !FAPI_ALGS.includes(String(header.alg))))
    throw new errors.InvalidClientAuth(
      `a client assertion of the FAPI 2.0 profile has an aud that is no list, and is signed with ${FAPI_ALGS.join(', ')}`,
    );
  if (header.typ !== undefined && !TYPES.includes(String(header.typ).toLowerCase()))
    throw new errors.InvalidClientAuth(`the typ of a client assertion must be ${TYPES[0]}, JWT or left out`);
  if (Number(claims.exp) > Date.now() / 1000 + MAX_LIFE + FAST_CLOCK)
    throw new errors.InvalidClientAuth('a client assertion must expire within an hour (exp)');
  markAssertion(currentUnit());
}
