import { type AccessToken, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { JWT_BEARER } from '../../access/grant-type-names.ts';
import { limitToCeiling, parseScopes } from '../../access/scopes.ts';
import { recordEvent } from '../../audit/index.ts';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { type FindAccount, limitToApplication } from '../claims.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { bindToClientKey, findRequestedResource } from '../engine/grants.ts';
import { invalidScope } from '../engine/internals.ts';
import { createAssertionVerifier, type IdentityAssertion } from './assertions.ts';
import type { TrustedIssuer } from './store.ts';

export interface IdentityAssertionDeps {
  findTrustedIssuer(issuer: string): Promise<TrustedIssuer | undefined>;
  /** Finds the account that has this confirmed e-mail address, or this username, unless it is disabled or closing. */
  findBySubject(kind: TrustedIssuer['subject'], subject: string): Promise<{ id: string } | undefined>;
}

/** The longest lifetime of a token: the user is not here, and the issuer decides again after that time. */
const MAX_TOKEN_TTL_SECONDS = 3600;

/** What the assertion says about its user, if that names an account here without doubt. */
function readSubject(claims: IdentityAssertion, { subject }: TrustedIssuer): string | undefined {
  if (subject === 'username') return claims.sub;
  const { email, email_verified: isVerified } = claims;
  // Some issuers say it as a text, others leave it out.
  return typeof email === 'string' && (isVerified === undefined || isVerified === true) ? email : undefined;
}

/** The grant type `jwt-bearer` (RFC 7523), for identity assertions of trusted issuers. */
export function registerIdentityAssertions(
  provider: Provider,
  deps: { config: { issuer: string }; fetch: GuardedFetch; findAccount: FindAccount } & {
    identityAssertions: IdentityAssertionDeps;
  },
): void {
  const { findBySubject, findTrustedIssuer } = deps.identityAssertions;
  const verify = createAssertionVerifier({
    issuer: deps.config.issuer,
    fetch: deps.fetch,
    findTrustedIssuer,
  });

  /** @throws InvalidGrant for a user without an account: assertions create none */
  async function getAccount(claims: IdentityAssertion, issuer: TrustedIssuer) {
    const subject = readSubject(claims, issuer);
    const found = subject === undefined ? undefined : await findBySubject(issuer.subject, subject);
    const account = found && (await deps.findAccount(found.id));
    if (!account) throw new errors.InvalidGrant('the user of the assertion has no account here');
    return account;
  }

  /** The user sees the application among those that can act for the account, and can end its access, like one that was allowed. */
  async function addGrant(token: AccessToken, identifier: string): Promise<void> {
    const { accountId, clientId } = token;
    const grant = new provider.Grant({ accountId, clientId } as never);
    grant.addResourceScope(identifier, String(token.scope));
    Object.assign(grant, { expiresIn: token.expiration });
    Object.assign(token, { grantId: await grant.save() });
  }

  async function accept(ctx: KoaContextWithOIDC): Promise<void> {
    const { params } = ctx.oidc;
    const client = ctx.oidc.client as unknown as EngineClient;
    const { clientId } = client;
    const { assertion } = params as { assertion?: string };
    if (!assertion) throw new errors.InvalidRequest("missing required parameter 'assertion'");
    const { claims, issuer } = await verify(assertion, clientId);
    const account = await getAccount(claims, issuer);
    ctx.oidc.entity('Account', account as never);

    const named = [claims.resource ?? [], params?.resource ?? []].flat();
    const [identifier] = named;
    if (typeof identifier !== 'string' || named.some((one) => one !== identifier))
      throw new errors.InvalidTarget('the assertion names no resource, or another one than the request');
    Object.assign(params as object, { resource: identifier });
    const target = await findRequestedResource(ctx);
    if (!target) throw new errors.InvalidTarget('name one resource');
    const granted = parseScopes(claims.scope).filter(
      (scope) => target.scopes.has(scope) && issuer.scopes.includes(scope),
    );
    const available = limitToCeiling(limitToApplication(client, granted), account.scopes);
    const requested = parseScopes(params?.scope as string | undefined);
    if (available.length === 0 || requested.some((scope) => !available.includes(scope)))
      throw invalidScope(
        'the assertion, its issuer, the application or the account does not allow the scope',
      );

    const token = new provider.AccessToken({
      accountId: account.accountId,
      client: ctx.oidc.client as never,
      gty: JWT_BEARER,
      extra: { auth_time: claims.auth_time, acr: claims.acr, amr: claims.amr },
    } as never);
    const scope = (requested.length > 0 ? requested : available).join(' ');
    Object.assign(token, { resourceServer: target, scope });
    await bindToClientKey(ctx, token);
    Object.assign(token, { expiresIn: Math.min(token.expiration, MAX_TOKEN_TTL_SECONDS) });
    // Each assertion works once (RFC 7523 section 3, number 7).
    const isNew = await provider.ReplayDetection.unique(issuer.issuer, claims.jti, claims.exp + 60);
    if (!isNew) throw new errors.InvalidGrant('the assertion was used before');
    await addGrant(token, identifier);
    ctx.oidc.entity('AccessToken', token);
    const value = await token.save();
    recordEvent({
      action: 'identity_assertion.accepted',
      accountId: account.accountId,
      clientId,
      target: identifier,
      details: { issuer: issuer.issuer, scope },
    });
    ctx.body = {
      access_token: value,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
    };
  }

  // The engine's declared context lacks what it passes: `ctx.oidc`.
  provider.registerGrantType(JWT_BEARER, accept as never, ['assertion', 'scope', 'resource'], ['resource']);
}
