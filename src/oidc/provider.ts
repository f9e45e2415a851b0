import type { Context } from 'koa';
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { ACR_VALUES } from '../access/acr.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import { createSealedCookie } from '../web/sealed-cookie.ts';
import { createAuthorizationDetails } from './authorization-details.ts';
import { createCiba } from './ciba/configuration.ts';
import { claimsByScope, limitClaims } from './claims.ts';
import { createAssertionCheck, FAST_CLOCK_SECONDS, toAliases } from './client-authentication/assertions.ts';
import { createMutualTls } from './client-authentication/certificates.ts';
import { requireNonce } from './client-authentication/proofs.ts';
import { giveClientClaims } from './client-claims.ts';
import { ASSERTION_ALGS, AUTH_METHODS } from './clients/auth-methods.ts';
import { type EngineClient, isDocumentUrl } from './clients/client-document.ts';
import { isRegistered } from './clients/redirect-uris.ts';
import { RESPONSE_TYPES } from './clients/response-types.ts';
import { compareSecretsByDigest } from './compare-secrets.ts';
import { allowsOrigin } from './cors.ts';
import { completeDeviceFlow, readDeviceInfo, USER_CODE } from './device-flow.ts';
import { forgiveEmptySecrets } from './empty-secrets.ts';
import { acceptAudiences, completeClientKeys, tolerateFastClocks } from './engine/client-keys.ts';
import { addSidToIdTokens } from './engine/id-tokens.ts';
import { cacheClientsByDocument, checkEngine, replaceUriComparison } from './engine/internals.ts';
import { replaceSigningKeys } from './engine/keys.ts';
import type { EngineDeps } from './engine-deps.ts';
import { auditEngineEvents } from './events.ts';
import { loadExistingGrant, prepareGrants } from './existing-grant.ts';
import { FIXED_TTL } from './fixed-lifetimes.ts';
import { registerIdentityAssertions } from './id-jag/accept.ts';
import { completeImplicitGrant } from './implicit-grant.ts';
import { introspectJwts } from './introspected-jwts.ts';
import { createIntrospectionPolicy } from './introspection.ts';
import { pinIssuer } from './pin-issuer.ts';
import { requirePkce } from './pkce.ts';
import { slowDownPolls } from './poll-interval.ts';
import { createPromptPolicy } from './prompts.ts';
import { createRefreshTokenRules, expiresWithSession } from './refresh-tokens.ts';
import { READ_METADATA } from './registration/metadata-rules.ts';
import { REGISTRATION_PATH } from './registration/who-may-register.ts';
import { readRequestsByReference } from './request-references.ts';
import { createResourceIndicators } from './resource-indicators.ts';
import { sessionTtl } from './session-ttl.ts';
import { signedMessages } from './signed-messages.ts';
import { refuseUnstorableParameters } from './storable-parameters.ts';
import { findPresentedFamily } from './storage/token-families.ts';
import { mintOrderedValues } from './storage/token-values.ts';
import { refuseLargeRequests } from './stored-requests.ts';
import { registerTokenExchange } from './token-exchange/exchange.ts';
import { createAccessTokenLife, keepOfflineAccess, limitScopes } from './token-scope.ts';
import { keepUntrustedErrors } from './untrusted-redirects.ts';

function configuration(
  deps: EngineDeps,
  resources: ReturnType<typeof createResourceIndicators>,
  richAuthorizationRequests: object,
): Configuration {
  const { config, secrets, pages } = deps;
  const scope = issuerScope(config.issuer);
  const { base, cookiePrefix, partPrefix, sessionCookie } = scope;
  // The engine sets the path of a short-lived cookie.
  const { path: _, ...shortCookie } = sessionCookie;
  const invitationCookie = createSealedCookie({ secrets, scope }, 'invitation');
  const refreshTokens = createRefreshTokenRules(config.ttl);
  const ciba = createCiba(deps.signInRequests);
  const accessTokenLife = createAccessTokenLife(config.ttl.accessToken);
  const settings = {
    adapter: deps.adapter,
    fetch: deps.fetch,
    jwks: { keys: deps.keys.signing },
    findAccount: (_ctx: unknown, accountId: string) => deps.findAccount(accountId),
    claims: { ...claimsByScope, openid: [...claimsByScope.openid, config.groupsClaim] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'address', 'phone'],
    responseTypes: config.implicitGrant ? RESPONSE_TYPES : ['code'],
    subjectTypes: ['public', 'pairwise'],
    sectorIdentifierUriValidate: deps.registration.isSectorRead,
    pairwiseIdentifier: async (_ctx: unknown, accountId: string, client: { sectorIdentifier: string }) =>
      deps.findPairwiseSubject(client.sectorIdentifier, accountId),
    acrValues: [...ACR_VALUES],
    pkce: { required: requirePkce },
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: async (ctx: KoaContextWithOIDC) => {
      await resources.checkRefresh(ctx);
      return refreshTokens.rotate(ctx);
    },
    issueRefreshToken: refreshTokens.issue,
    // Where a family is revoked (storage/token-families.ts), the grant stays.
    revokeGrantPolicy: ({ oidc }: KoaContextWithOIDC) =>
      findPresentedFamily(currentUnit()) === undefined &&
      !(oidc.route === 'revocation' && oidc.entities.AccessToken),
    expiresWithSession,
    loadExistingGrant,
    // Functions that the engine calls, once it has checked a request, with the value of the parameter that each is named after.
    extraParams: { scope: keepOfflineAccess },
    extraTokenClaims: resources.extraTokenClaims,
    // Widely used clients read the profile from the ID token only, so it carries those claims too.
    conformIdTokenClaims: false,
    clockTolerance: 0,
    clientAuthMethods: [...AUTH_METHODS, 'none'],
    assertJwtClientAuthClaimsAndHeader: createAssertionCheck(config),
    enabledJWA: {
      clientAuthSigningAlgValues: [...ASSERTION_ALGS],
      idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      userinfoSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      introspectionSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      authorizationSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      requestObjectSigningAlgValues: [...ASSERTION_ALGS],
    },
    extraClientMetadata: { properties: READ_METADATA, validator: deps.registration.checkMetadata },
    routes: { registration: REGISTRATION_PATH },
    clientBasedCORS: allowsOrigin,
    cookies: {
      keys: secrets.cookieKeys,
      long: sessionCookie,
      // The cookies of an unfinished sign-in hold 256 random bits. A signature would need one more cookie for each.
      short: { ...shortCookie, signed: false },
      // The engine limits the short-lived cookies to a path, which the prefix __Host- does not allow.
      names: {
        session: `${cookiePrefix}latchkey_session`,
        interaction: `${partPrefix}latchkey_interaction`,
        resume: `${partPrefix}latchkey_resume`,
      },
    },
    interactions: {
      // The client_id is for the page that says that the sign-in has ended. Nothing else reads it there.
      url: (_ctx: unknown, { uid, params }: { uid: string; params: { client_id?: string } }) =>
        `${base}/interaction/${uid}?client_id=${encodeURIComponent(String(params.client_id))}`,
      policy: createPromptPolicy({
        secondFactorPolicy: deps.secondFactorPolicy,
        refreshTokens,
        findUnconnected: deps.findUnconnected,
        hasInvitation: (ctx) => invitationCookie.read(ctx as unknown as Context) !== undefined,
      }),
    },
    features: {
      devInteractions: { enabled: false },
      ...deps.registration.features,
      introspection: {
        enabled: true,
        allowedPolicy: createIntrospectionPolicy(deps),
      },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx: unknown, client: EngineClient, token: { clientId?: string }) =>
          token.clientId === client.clientId,
      },
      clientCredentials: { enabled: true },
      mTLS: createMutualTls(config),
      userinfo: { enabled: true },
      ...signedMessages,
      resourceIndicators: resources.feature,
      dPoP: { enabled: true, nonceSecret: secrets.dpopNonceKey, requireNonce },
      fapi: {
        enabled: true,
        profile: (_ctx: unknown, client?: EngineClient) => (client?.fapi ? '2.0' : undefined),
      },
      richAuthorizationRequests,
      pushedAuthorizationRequests: { enabled: true },
      deviceFlow: {
        enabled: true,
        ...USER_CODE,
        deviceInfo: readDeviceInfo,
        // Our own page asks for the code and for the decision (interactions/device.ts).
        userCodeInputSource: async (
          ctx: KoaContextWithOIDC,
          _form: string,
          out: { error: string; error_description?: string },
          error: Error,
        ) => pages.deviceRefused(ctx, out, error),
        successSource: async (ctx: KoaContextWithOIDC) => pages.deviceConnected(ctx),
      },
      ciba: ciba.feature,
      claimsParameter: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx: KoaContextWithOIDC) => pages.signOut(ctx),
        postLogoutSuccessSource: async (ctx: KoaContextWithOIDC) => pages.signedOut(ctx),
      },
    },
    // Initiating User Registration via OpenID Connect 1.0.
    discovery: { prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'] },
    renderError: async (ctx: KoaContextWithOIDC, out: { error: string }, error: Error) =>
      pages.error(ctx, out, error),
    ttl: {
      ...FIXED_TTL,
      AccessToken: accessTokenLife,
      ClientCredentials: accessTokenLife,
      BackchannelAuthenticationRequest: ciba.ttl,
      RefreshToken: refreshTokens.ttl,
      Session: sessionTtl(config.ttl),
    },
  };
  return settings as unknown as Configuration;
}

/**
 * The protocol engine (node-oidc-provider), set up for OAuth 2.1 and our storage. It is the Koa application.
 * @throws Error when the installed engine is not one that this server was made for
 */
export function createProvider(deps: EngineDeps): Provider {
  const { findResource, config, secrets } = deps;
  const resources = createResourceIndicators({ findResource, secrets, ttl: config.ttl });
  const details = createAuthorizationDetails({ findResource });
  const provider = new Provider(config.issuer, configuration(deps, resources, details.feature));
  checkEngine(provider);
  replaceSigningKeys(provider, deps.keys);
  pinIssuer(provider, config.issuer);
  compareSecretsByDigest(provider);
  cacheClientsByDocument(provider, completeClientKeys, isDocumentUrl);
  tolerateFastClocks(provider, FAST_CLOCK_SECONDS);
  acceptAudiences(provider, (urls) => toAliases(urls, config));
  replaceUriComparison<EngineClient>(provider, ({ any_port }, uri, registered) =>
    isRegistered(uri, registered, any_port),
  );
  keepUntrustedErrors(provider);
  readRequestsByReference(provider, deps);
  forgiveEmptySecrets(provider);
  completeDeviceFlow(provider);
  slowDownPolls(provider);
  refuseLargeRequests(provider);
  resources.checkBeforeUse(provider);
  details.accept(provider);
  introspectJwts(provider, secrets);
  refuseUnstorableParameters(provider);
  limitScopes(provider);
  completeImplicitGrant(provider);
  limitClaims(provider);
  giveClientClaims(provider);
  mintOrderedValues(provider);
  prepareGrants(provider);
  registerTokenExchange(provider, {
    findAccount: deps.findAccount,
    findResource,
    narrowDetails: details.narrow,
    secondFactorPolicy: deps.secondFactorPolicy,
    handOut: deps.handOut,
  });
  registerIdentityAssertions(provider, deps);
  addSidToIdTokens(provider, ({ assertion_audiences }: EngineClient) => assertion_audiences.length > 0);
  auditEngineEvents(provider, deps.log, deps.recordClientUse);
  return provider;
}
