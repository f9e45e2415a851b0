import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { describeClaim, describeScope } from '../access/scope-descriptions.ts';
import { recordEvent } from '../audit/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { claimsToGrant } from '../oidc/claims.ts';
import type { EngineClient } from '../oidc/clients/client-document.ts';
import { maximumLife, type RefreshTokenTtl } from '../oidc/refresh-tokens.ts';
import type { ShowPage } from '../web/respond.ts';
import { type Details, type Interactions, interactionEnded } from './interaction.ts';
import { signInAgain } from './select-account.ts';

export interface ConsentDeps {
  provider: Provider;
  interactions: Interactions;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** Those of the scopes that the account's ceiling allows. */
  limitToCeiling(scopes: string[], ceiling: string[]): string[];
  refreshTokenTtl: RefreshTokenTtl;
  /** The descriptions that an administrator gave to some of these scopes. */
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
}

/** The page on which a user allows an application to use their account, or denies it. */
export function createConsent(deps: ConsentDeps) {
  const { provider } = deps;
  const { common, finish } = deps.interactions;

  /** What the application asks for and the account may grant. Anything else is refused without asking the user. */
  async function readRequest(details: Details) {
    const accountId = details.session?.accountId;
    const account = accountId ? await deps.findAccount(accountId) : undefined;
    if (!accountId || !account) throw interactionEnded();
    const missing = (details.prompt.details.missingOIDCScope as string[] | undefined) ?? [];
    const grant = details.grantId ? await provider.Grant.find(details.grantId) : undefined;
    const earlier = (grant?.getOIDCScope() ?? '').split(' ').filter(Boolean);
    const requested = String(details.params.scope ?? '')
      .split(' ')
      .filter((scope) => missing.includes(scope) || earlier.includes(scope));
    const allowed = deps.limitToCeiling(requested, account.scopes);
    const client = (await provider.Client.find(String(details.params.client_id))) as EngineClient | undefined;
    const claims = client ? claimsToGrant(details.params, client, account) : [];
    return { accountId, account, grant, earlier, missing, allowed, claims };
  }

  /** After how many days without use, and after how many in any case, offline access ends. */
  function offlineDays(client: EngineClient): { days: number; maxDays: number } {
    const toDays = (seconds: number) => Math.max(1, Math.round(seconds / 86_400));
    const maximum = maximumLife(deps.refreshTokenTtl, client);
    return { days: toDays(Math.min(deps.refreshTokenTtl.refreshToken, maximum)), maxDays: toDays(maximum) };
  }

  async function showConsent(ctx: Context, details: Details): Promise<void> {
    const { client, ...data } = await common(ctx, details);
    const { account, grant, earlier, allowed, claims } = await readRequest(details);
    const earlierClaims = grant?.getOIDCClaims() ?? [];
    const redirectUri = String(details.params.redirect_uri);
    const shown = allowed.filter((scope) => scope !== 'openid' && scope !== 'offline_access');
    const descriptions = await deps.findScopeDescriptions(shown);
    deps.showPage(ctx, 'interactions/consent', {
      ...data,
      title: `Allow ${data.clientName}?`,
      verified: true,
      clientId: client.clientId,
      redirectUri,
      redirectHost: URL.parse(redirectUri)?.host || redirectUri,
      accountName: account.username,
      scopes: shown.map((name) => ({
        name,
        text: descriptions.get(name) ?? describeScope(name),
        isNew: earlier.length > 0 && !earlier.includes(name),
      })),
      claims: claims.map((name) => ({
        name,
        text: describeClaim(name),
        isNew: earlier.length > 0 && !earlierClaims.includes(name),
      })),
      offline: allowed.includes('offline_access') ? offlineDays(client as unknown as EngineClient) : null,
    });
  }

  async function allow(ctx: Context, details: Details): Promise<void> {
    const clientId = String(details.params.client_id);
    const { accountId, grant: existing, missing, allowed, claims } = await readRequest(details);
    const grant = existing ?? new provider.Grant({ accountId, clientId });
    const granted = missing.filter((scope) => allowed.includes(scope));
    const beyond = missing.filter((scope) => !allowed.includes(scope));
    if (granted.length > 0) grant.addOIDCScope(granted.join(' '));
    // Scopes beyond the ceiling are recorded as refused, so that the engine does not ask again.
    if (beyond.length > 0) grant.rejectOIDCScope(beyond.join(' '));
    if (claims.length > 0) grant.addOIDCClaims(claims);
    const grantId = await grant.save();
    recordEvent({
      action: 'consent.granted',
      accountId,
      clientId,
      target: grantId,
      details: { scope: granted.join(' '), claims: claims.join(' ') || undefined },
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
