import { errors } from 'oidc-provider';
import { requestedAcrLevel } from '../access/acr.ts';
import { parseScopes } from '../access/scopes.ts';

interface AcrRequest {
  essential?: boolean;
  value?: unknown;
  values?: unknown;
}

/**
 * The `acr` values that the claims parameter declares essential (OpenID Connect Core section 5.5.1.1).
 * @param claims JSON that the engine has found to be well-formed
 */
function essentialAcr(claims: string): string[] | undefined {
  const request = (JSON.parse(claims) as { id_token?: { acr?: AcrRequest | null } }).id_token?.acr;
  if (!request?.essential) return undefined;
  if (request.values !== undefined && !Array.isArray(request.values))
    throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
  const values = [...((request.values as unknown[]) ?? []), request.value].filter(
    (value) => typeof value === 'string',
  );
  return values.length > 0 ? values : undefined;
}

/**
 * The level of authentication that the application requests by the claims parameter, or else by `acr_values`. It is read
 * from the request at every prompt: not only the prompt `login` leads to a sign-in, but also `create` and `select_account`.
 * @returns level 0 if it requests none that this server knows
 */
export function readRequestedAcr(params: { claims?: unknown; acr_values?: unknown }): {
  isEssential: boolean;
  level: number;
} {
  const essential = typeof params.claims === 'string' ? essentialAcr(params.claims) : undefined;
  const values = essential ?? parseScopes(params.acr_values as string | undefined);
  return { isEssential: essential !== undefined, level: requestedAcrLevel(values) };
}
