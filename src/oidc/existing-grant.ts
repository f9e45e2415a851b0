import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { parseScopes } from '../access/scopes.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { EngineClient } from './clients/client-document.ts';
import { replaceTokenIds } from './engine-internals.ts';

type Grant = InstanceType<Provider['Grant']>;

/** A grant's id is the id of its row. It needs no randomness of its own: it is never presented. */
export function useRowIdsForGrants(provider: Provider): void {
  replaceTokenIds(provider, 'Grant', () => uuidv7());
}

/**
 * The engine's `loadExistingGrant`: the grant of this sign-in, or of an earlier one in the same session. First-party
 * applications need no consent, so their grant is created or extended here, unless the request asks for consent.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const client = oidc.client as unknown as EngineClient;
  const { Grant } = oidc.provider;
  const grantId = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(client.clientId);
  const existing = grantId ? await Grant.find(grantId) : undefined;
  const own = existing?.accountId === oidc.account?.accountId ? existing : undefined;
  if (!client.is_first_party || oidc.prompts.has('consent')) return own;

  const grant = own ?? new Grant({ accountId: oidc.account?.accountId, clientId: client.clientId });
  const scopes = new Set(parseScopes(grant.getOIDCScopeEncountered()));
  const missingScopes = [...oidc.requestParamOIDCScopes].filter((scope) => !scopes.has(scope));
  const claims = grant.getOIDCClaimsEncountered();
  const missingClaims = [...oidc.requestParamClaims].filter((claim) => !claims.includes(claim));
  if (missingScopes.length > 0) grant.addOIDCScope(missingScopes.join(' '));
  if (missingClaims.length > 0) grant.addOIDCClaims(missingClaims);
  if (!own || missingScopes.length > 0 || missingClaims.length > 0) await grant.save();
  return grant;
}
