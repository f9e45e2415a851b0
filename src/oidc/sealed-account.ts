import type { Secrets } from '../kit/secrets.ts';

/** The claim of a JWT access token whose `sub` is pairwise, which names its account to this server alone. */
const CLAIM = 'account_sealed';

type Claims = Record<string, unknown> & { client_id?: unknown };

const placeOf = (clientId: string) => ({ table: 'access_token', column: CLAIM, id: clientId });

/**
 * A pairwise subject does not lead back to its account, so that a JWT could not be introspected. It has the id of its account,
 * sealed: each time differently, so that nobody can tell by it whether two tokens are of one user.
 */
export const sealAccount = (secrets: Pick<Secrets, 'seal'>, clientId: string, accountId: string) => ({
  [CLAIM]: secrets.seal(accountId, placeOf(clientId)),
});

/** @returns undefined where the token names no account, or with a secret that this server no longer has */
export function openAccount(secrets: Pick<Secrets, 'open'>, claims: Claims): string | undefined {
  const sealed = claims[CLAIM];
  if (typeof sealed !== 'string' || typeof claims.client_id !== 'string') return undefined;
  try {
    return secrets.open(sealed, placeOf(claims.client_id));
  } catch {
    return undefined;
  }
}
