import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { listTypes } from '../access/authorization-detail-descriptions.ts';
import {
  describeClaim,
  describeFixedClaim,
  describeScope,
  SIGN_IN_DESCRIPTION,
} from '../access/consent-descriptions.ts';
import { isVetted } from '../access/registered-via.ts';
import { isBuiltIn, parseScopes, type ResourceScopes } from '../access/scopes.ts';
import { recordEvent } from '../audit/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { readAuthorizationDetails } from '../oidc/authorization-details.ts';
import { claimsToGrant } from '../oidc/claims.ts';
import { grantedMappings } from '../oidc/client-claims.ts';
import { type EngineClient, isDocumentUrl } from '../oidc/clients/client-document.ts';
import { isLoopback } from '../oidc/clients/redirect-uris.ts';
import { findUsableConsent } from '../oidc/existing-grant.ts';
import { maximumLife, mayRefresh, type RefreshTokenTtl } from '../oidc/refresh-tokens.ts';
import { addResourceScopes, RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import { setShownTarget } from '../oidc/shown-targets.ts';
import type { ShowPage } from '../web/respond.ts';
import { describeRequestedDetails } from './consent-authorization-details.ts';
import {
  type ConsentResourceDeps,
  earlierResources,
  readResources,
  resourceItems,
  toResourceScopes,
} from './consent-resources.ts';
import { type Details, type Interactions, interactionEnded } from './interaction.ts';
import { signInAgain } from './select-account.ts';

/** The pages of an application that people may want to read first. */
const linksOf = ({ policyUri, tosUri }: { policyUri?: string; tosUri?: string }) =>
  [
    { url: policyUri, label: 'privacy policy' },
    { url: tosUri, label: 'terms of service' },
  ].filter(({ url }) => url !== undefined);

export interface ConsentDeps extends ConsentResourceDeps {
  provider: Provider;
  interactions: Interactions;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  refreshTokenTtl: RefreshTokenTtl;
  /** Stores an application that describes itself by a document. */
  keepClient(clientId: string): Promise<void>;
  /** Remembers what the account has allowed the application. */
  addToConsent(
    key: { accountId: string; client: EngineClient },
    allowed: { scopes: string[]; claims: string[]; resources: ResourceScopes },
  ): Promise<void>;
  /** The logo of the application as a `data:` URL; null if it has none. */
  findLogo(clientId: string): Promise<string | null>;
  /** The descriptions that an administrator gave to some of these scopes. */
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
}

/** What the engine found that the grant has no answer to, when it asked for consent. */
interface Missing {
  missingOIDCScope?: string[];
  missingOIDCClaims?: string[];
}

/** The page on which a user allows an application to use their account, or denies it. */
export function createConsent(deps: ConsentDeps) {
  const { provider } = deps;
  const { common, finish, getClient } = deps.interactions;

  /** What the application asks for and the account may grant. Anything else is refused without asking the user. */
  async function readRequest(details: Details) {
    const accountId = details.session?.accountId;
    const account = accountId ? await deps.findAccount(accountId) : undefined;
    if (!accountId || !account) throw interactionEnded();
    const { missingOIDCScope = [], missingOIDCClaims = [] } = details.prompt.details as Missing;
    const grant = details.grantId ? await provider.Grant.find(details.grantId) : undefined;
    // What becomes possible while the page is open, such as by a larger ceiling, was not on it: it is asked for again.
    const scopes = new Set([...missingOIDCScope, ...parseScopes(grant?.getOIDCScope())]);
    const isOfApi = (scope: string) => details.params.resource !== undefined && !isBuiltIn(scope);
    const requested = parseScopes(String(details.params.scope ?? '')).filter(
      (scope) => scopes.has(scope) && !isOfApi(scope),
    );
    const allowed = deps.limitToCeiling(requested, account.scopes);
    const client = (await getClient(details)) as unknown as EngineClient;
    const asked = new Set([...missingOIDCClaims, ...(grant?.getOIDCClaims() ?? [])]);
    const claims = claimsToGrant(details.params, client, account).filter((one) => asked.has(one));
    const resources = await readResources(deps, { details, grant, ceiling: account.scopes });
    return { accountId, account, client, grant, allowed, claims, resources };
  }

  /** After how many days without use, and after how many in any case, offline access ends. */
  function offlineDays(client: EngineClient): { days: number; maxDays: number } {
    const toDays = (seconds: number) => Math.max(1, Math.round(seconds / 86_400));
    const maximum = maximumLife(deps.refreshTokenTtl, client);
    return { days: toDays(Math.min(deps.refreshTokenTtl.refreshToken, maximum)), maxDays: toDays(maximum) };
  }

  async function showConsent(ctx: Context, details: Details): Promise<void> {
    const { client: registered, ...data } = await common(ctx, details);
    const { accountId, account, client, grant, allowed, claims, resources } = await readRequest(details);
    const asksForAll = String(details.params.prompt ?? '').includes('consent');
    // A device has none.
    const redirectUri = details.params.redirect_uri as string | undefined;
    const consent = asksForAll ? undefined : await findUsableConsent(client, accountId, String(redirectUri));
    const earlier = asksForAll ? undefined : grant;
    const earlierScopes = [...parseScopes(earlier?.getOIDCScope()), ...(consent?.scopes ?? [])];
    const earlierClaims = [...(earlier?.getOIDCClaims() ?? []), ...(consent?.claims ?? [])];
    const shown = allowed.filter((scope) => scope !== 'openid' && scope !== 'offline_access');
    const descriptions = await deps.findScopeDescriptions([
      ...shown,
      ...resources.flatMap(({ scopes }) => scopes),
    ]);
    const ofResources = earlierResources(resources, earlier, consent?.resources);
    const hasEarlier = [earlierScopes, ...Object.values(ofResources)].some((list) => list.length > 0);
    // Whatever else an application was allowed before, it knows its user since then.
    const knewUser = allowed.includes('openid') ? earlierScopes.includes('openid') : hasEarlier;
    const mappings = grantedMappings(client, allowed);
    const items = [
      {
        text: SIGN_IN_DESCRIPTION,
        isEarlier: knewUser,
      },
      // The other mappings give under another name what the scopes below describe.
      ...mappings
        .filter(({ source }) => source === undefined)
        .map((mapping) => ({ text: describeFixedClaim(mapping), isEarlier: knewUser })),
      ...shown.map((name) => ({
        text: descriptions.get(name) ?? describeScope(name),
        isEarlier: earlierScopes.includes(name),
      })),
      ...claims.map((name) => ({ text: describeClaim(name), isEarlier: earlierClaims.includes(name) })),
      ...resourceItems(resources, ofResources, descriptions),
      // Nothing of them is remembered.
      ...(await describeRequestedDetails(deps, details.params)).map((one) => ({ ...one, isEarlier: false })),
    ];
    const added = items.filter(({ isEarlier }) => !isEarlier);
    const isLasting =
      allowed.includes('offline_access') || (redirectUri === undefined && mayRefresh(client, allowed));
    const addsOffline = allowed.includes('offline_access') && !earlierScopes.includes('offline_access');
    // A program on a device is asked about each time, even if nothing is new.
    const isMore = added.length < items.length && (added.length > 0 || addsOffline);
    deps.showPage(ctx, 'interactions/consent', {
      ...data,
      title: `Allow ${data.clientName}?`,
      links: linksOf(registered),
      verified: isVetted(client),
      documentHost: isDocumentUrl(client.clientId) ? new URL(client.clientId).host : undefined,
      clientLogo: await deps.findLogo(client.clientId),
      clientId: client.clientId,
      redirectUri,
      redirectHost: URL.parse(redirectUri ?? '')?.host || redirectUri,
      isLocal: isLoopback(redirectUri ?? ''),
      isDevice: redirectUri === undefined,
      accountName: account.username,
      added: isMore ? added : items,
      allowedBefore: isMore ? items.filter(({ isEarlier }) => isEarlier) : [],
      scopes: allowed,
      resources: resources.map(({ identifier, scopes }) => ({
        identifier,
        scopes: scopes.filter((scope) => scope !== RESOURCE_ITSELF),
      })),
      claims: [...claims, ...mappings.map(({ name }) => name)],
      isCodeShown: client.display_code,
      offline: isLasting ? offlineDays(client) : null,
    });
  }

  async function allow(ctx: Context, details: Details): Promise<void> {
    const clientId = String(details.params.client_id);
    const { accountId, client, grant: existing, allowed, claims, ...rest } = await readRequest(details);
    const resources = toResourceScopes(rest.resources);
    const grant = existing ?? new provider.Grant({ accountId, clientId });
    if (!existing) setShownTarget(grant, details.params.redirect_uri as string | undefined);
    if (allowed.length > 0) grant.addOIDCScope(allowed.join(' '));
    if (claims.length > 0) grant.addOIDCClaims(claims);
    addResourceScopes(grant, resources);
    const grantId = await grant.save();
    if (isDocumentUrl(clientId)) await deps.keepClient(clientId);
    await deps.addToConsent({ accountId, client }, { scopes: allowed, claims, resources });
    recordEvent({
      action: 'consent.granted',
      accountId,
      clientId,
      target: grantId,
      details: {
        scope: allowed.join(' '),
        claims: claims.join(' ') || undefined,
        authorization_details: listTypes(readAuthorizationDetails(details.params)),
        resources: rest.resources.length > 0 ? resources : undefined,
      },
    });
    await finish(ctx, { consent: { grantId } });
  }

  async function decide(ctx: Context, details: Details, decision: string | undefined): Promise<void> {
    const clientId = String(details.params.client_id);
    if (decision === 'allow') return allow(ctx, details);
    if (decision === 'deny') {
      recordEvent({
        action: 'consent.denied',
        accountId: details.session?.accountId,
        clientId,
        success: false,
        errorCode: 'access_denied',
      });
      return finish(ctx, { error: 'access_denied', error_description: 'the user denied access' });
    }
    if (decision === 'switch') {
      return signInAgain(ctx, details);
    }
    throw new LatchkeyError('invalid_input', 'consent_decision_missing', 'Choose Allow or Deny.');
  }

  return { show: showConsent, decide };
}
