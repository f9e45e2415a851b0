import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { parseScopes } from '../access/scopes.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { EngineClient } from './clients/client-document.ts';
import { findConsent, useConsent } from './consents/store.ts';
import { replaceTokenIds } from './engine-internals.ts';

type Grant = InstanceType<Provider['Grant']>;

/** A grant's id is the id of its row. It needs no randomness of its own: it is never presented. */
export function useRowIdsForGrants(provider: Provider): void {
  replaceTokenIds(provider, 'Grant', () => uuidv7());
}

interface Access {
  scopes: string[];
  claims: string[];
}

const isEmpty = ({ scopes, claims }: Access) => scopes.length === 0 && claims.length === 0;

/** What the request asks for beyond what the grant has an answer to. */
function findMissing({ oidc }: KoaContextWithOIDC, grant: Grant | undefined): Access {
  const scopes = new Set(parseScopes(grant?.getOIDCScopeEncountered()));
  const claims = grant?.getOIDCClaimsEncountered() ?? [];
  return {
    scopes: [...oidc.requestParamOIDCScopes].filter((scope) => !scopes.has(scope)),
    claims: [...oidc.requestParamClaims].filter((claim) => !claims.includes(claim)),
  };
}

/**
 * Whether nobody but the application can use a code that is issued without a question: it has a secret, or its redirect
 * URI is `https`. Any program can pretend to be another application, and receive its code, at a loopback address or a
 * private-use scheme (RFC 8252 section 8.6, RFC 9700 section 4.13), or by asking the user to copy the code.
 */
const isAssured = (client: EngineClient, redirectUri: string) =>
  client.clientAuthMethod !== 'none' || (redirectUri.startsWith('https:') && !client.display_code);

/** The part of what is missing that needs no question: everything for a first-party application, else what is remembered. */
async function findAllowed({ oidc }: KoaContextWithOIDC, missing: Access): Promise<Access> {
  const client = oidc.client as unknown as EngineClient;
  if (client.is_first_party) return missing;
  const accountId = oidc.account?.accountId;
  const nothing = { scopes: [], claims: [] };
  if (!accountId || !isAssured(client, String(oidc.params?.redirect_uri))) return nothing;
  const consent = await findConsent({ accountId, clientId: client.clientId });
  if (!consent) return nothing;
  const allowed = {
    scopes: missing.scopes.filter((scope) => consent.scopes.includes(scope)),
    claims: missing.claims.filter((claim) => consent.claims.includes(claim)),
  };
  if (!isEmpty(allowed)) useConsent(consent);
  return allowed;
}

/**
 * The engine's `loadExistingGrant`: the grant of this sign-in, or of an earlier one in the same session. It is extended, or
 * a new one is made, by what needs no consent or has it already, unless the request asks for consent.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const clientId = oidc.client?.clientId as string;
  const accountId = oidc.account?.accountId;
  const { Grant } = oidc.provider;
  const grantId = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(clientId);
  const existing = grantId ? await Grant.find(grantId) : undefined;
  const own = existing?.accountId === accountId ? existing : undefined;
  const missing = findMissing(ctx, own);
  if (isEmpty(missing) || oidc.prompts.has('consent')) return own;

  const { scopes, claims } = await findAllowed(ctx, missing);
  if (isEmpty({ scopes, claims })) return own;
  const grant = own ?? new Grant({ accountId, clientId });
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  if (claims.length > 0) grant.addOIDCClaims(claims);
  await grant.save();
  return grant;
}
