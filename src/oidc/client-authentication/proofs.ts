import { decodeJwt } from 'jose';
import { errors } from 'oidc-provider';

/** How many seconds in the future a proof may say that it was made (FAPI 2.0 Security Profile section 5.3.2.1). */
const MAX_FAST_CLOCK_SECONDS = 60;

function madeAt(proof: string): number | undefined {
  try {
    return decodeJwt(proof).iat;
  } catch {
    // The engine refuses it.
    return undefined;
  }
}

/**
 * The engine's `requireNonce`: with a nonce of ours in each proof, nobody can make proofs in advance (RFC 9449 section 11.2).
 * The engine then ignores the time of a proof, which must not be far in the future.
 * @throws errors.InvalidDpopProof
 */
export function requireNonce(ctx: { get(header: string): string }): true {
  const proof = ctx.get('DPoP');
  if (proof !== '' && Number(madeAt(proof)) > Date.now() / 1000 + MAX_FAST_CLOCK_SECONDS)
    throw new errors.InvalidDpopProof('DPoP proof iat is in the future');
  return true;
}
