import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { parseScopes, type ResourceScopes } from '../access/scopes.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { EngineClient } from './clients/client-document.ts';
import { type Consent, findConsent, ofConnections, useConsent } from './consents/store.ts';
import { replaceTokenIds } from './engine/internals.ts';
import { addResourceScopes, missingOfResources } from './resource-access.ts';
import { keepShownTargets, setShownTarget, wasShown } from './shown-targets.ts';

type Grant = InstanceType<Provider['Grant']>;

/** Prepares the model of grants. A grant's id is the id of its row. It needs no randomness of its own: it is never presented. */
export function prepareGrants(provider: Provider): void {
  keepShownTargets(provider);
  replaceTokenIds(provider, 'Grant', () => uuidv7());
}

interface Access {
  scopes: string[];
  claims: string[];
  resources: ResourceScopes;
}

const isEmpty = ({ scopes, claims, resources }: Access) =>
  scopes.length === 0 && claims.length === 0 && Object.keys(resources).length === 0;

/** What the request asks for beyond what the grant has an answer to. */
function findMissing(ctx: KoaContextWithOIDC, grant: Grant | undefined): Access {
  const { oidc } = ctx;
  const scopes = new Set(parseScopes(grant?.getOIDCScopeEncountered()));
  const claims = grant?.getOIDCClaimsEncountered() ?? [];
  return {
    scopes: [...oidc.requestParamOIDCScopes].filter((scope) => !scopes.has(scope)),
    claims: [...oidc.requestParamClaims].filter((claim) => !claims.includes(claim)),
    resources: missingOfResources(ctx, grant),
  };
}

/**
 * Whether nobody but the application can use a code that is issued without a question: it has a secret, or its redirect
 * URI is `https`. Any program can pretend to be another application, and receive its code, at a loopback address or a
 * private-use scheme (RFC 8252 section 8.6, RFC 9700 section 4.13), or by asking the user to copy the code.
 */
const isAssured = (client: EngineClient, redirectUri: string) =>
  client.clientAuthMethod !== 'none' || (redirectUri.startsWith('https:') && !client.display_code);

/**
 * The remembered consent of an account. Undefined if the user must be asked in each session: because of the redirect URI, or
 * because nobody has checked the application. Its user has judged the redirect host alone, and it can change that.
 */
export async function findUsableConsent(
  client: EngineClient,
  accountId: string,
  redirectUri: string,
): Promise<Consent | undefined> {
  const counts = isVetted(client) && isAssured(client, redirectUri);
  return counts ? findConsent({ accountId, clientId: client.clientId }) : undefined;
}

const includes = (consent: Access, { scopes, claims, resources }: Access) =>
  scopes.every((scope) => consent.scopes.includes(scope)) &&
  claims.every((claim) => consent.claims.includes(claim)) &&
  Object.entries(resources).every(([identifier, asked]) =>
    asked.every((scope) => consent.resources[identifier]?.includes(scope)),
  );

/**
 * The engine's `loadExistingGrant`: the grant of this sign-in, or of an earlier one in the same session. That of an application
 * that nobody has checked counts only for the redirect target that its user was shown. If everything that the grant lacks needs
 * no consent, or has it already, the grant is extended or made here, unless the request asks for consent. Otherwise nothing is
 * written before the user has answered.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const client = oidc.client as unknown as EngineClient;
  const accountId = oidc.account?.accountId as string;
  const { Grant } = oidc.provider;
  const grantId = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(client.clientId);
  const existing = grantId ? await Grant.find(grantId) : undefined;
  const redirectUri = oidc.params?.redirect_uri as string | undefined;
  const counts = existing?.accountId === accountId && (isVetted(client) || wasShown(existing, redirectUri));
  const own = counts ? existing : undefined;
  const missing = findMissing(ctx, own);
  if (isEmpty(missing) || oidc.prompts.has('consent')) return own;
  const toAsk = client.is_first_party ? ofConnections(missing) : missing;
  if (!isEmpty(toAsk)) {
    const consent = await findUsableConsent(client, accountId, String(redirectUri));
    if (!consent || !includes(consent, toAsk)) return own;
    useConsent(consent);
  }
  const grant = own ?? new Grant({ accountId, clientId: client.clientId });
  if (!own) setShownTarget(grant, redirectUri);
  if (missing.scopes.length > 0) grant.addOIDCScope(missing.scopes.join(' '));
  if (missing.claims.length > 0) grant.addOIDCClaims(missing.claims);
  addResourceScopes(grant, missing.resources);
  await grant.save();
  return grant;
}
