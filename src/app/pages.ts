import Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import { covers, limitToCeiling } from '../access/scopes.ts';
import { createHomePages } from '../account/home.ts';
import { createAccountPages } from '../account/index.ts';
import { createLogoRoute } from '../account/logos.ts';
import { accountCsrf, createAccountCeremonies } from '../account/passkey-ceremonies.ts';
import { LOST_KEY_DAYS } from '../account/security-advice.ts';
import type { Config } from '../config/settings.ts';
import { createConsolePages } from '../console/index.ts';
import { createMayAdminister } from '../console/sections.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { findPreferences } from '../identity/accounts/preferences.ts';
import { qrCode } from '../identity/invitations/export.ts';
import { TRUST_DAYS } from '../identity/passwords/trusted-browsers.ts';
import { createDevicePages } from '../interactions/device.ts';
import { createEmailVerificationPages } from '../interactions/email-verification.ts';
import { createEntryPages } from '../interactions/entry.ts';
import { createNotMePages } from '../interactions/not-me.ts';
import { createRecoveryPages } from '../interactions/password-reset.ts';
import { createSignInRequests } from '../oidc/ciba/requests.ts';
import { createFindAccount } from '../oidc/claims.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import { addToConsent } from '../oidc/consents/store.ts';
import { createOwnSessionFinder, createSignInFacts } from '../oidc/own-session.ts';
import { createResourceMetadata } from '../oidc/resources/metadata.ts';
import { rotateSession } from '../oidc/rotate-session.ts';
import { createBrowserCookie } from '../web/browser-cookie.ts';
import { createCsrfTokens } from '../web/csrf.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import { createPendingActions } from '../web/pending-action.ts';
import { qrImage } from '../web/qr-image.ts';
import type { Look, ShowPage } from '../web/respond.ts';
import { createSealedCookie } from '../web/sealed-cookie.ts';
import { createSignedInPages } from '../web/signed-in-pages.ts';
import { createWellKnown } from '../web/well-known.ts';
import { registerConnectionPages } from './connection-pages.ts';
import { registerInteractionPages } from './interaction-pages.ts';
import type { Services } from './services.ts';

export interface PagesDeps {
  config: Config;
  services: Services;
  provider: Provider;
  showPage: ShowPage;
}

/** Every page and script endpoint of our own, on one router. The protocol endpoints are the engine's. */
export function createPages({ config, services, provider, showPage }: PagesDeps): Router {
  const { issuer } = config;
  const scope = issuerScope(issuer);
  const { secrets, limits, passwords, recovery, secondFactor, secondFactorPolicy } = services;
  const findAccount = createFindAccount(config.groupsClaim);

  const sealedCookie = (name: string) => createSealedCookie({ secrets, scope }, name);
  const invitationCookie = sealedCookie('invitation');
  const recoveryCookie = sealedCookie('recover');
  const pendingActions = createPendingActions({
    cookie: createSealedCookie({ secrets, scope }, 'action', { maxLength: Number.POSITIVE_INFINITY }),
    secrets,
  });
  const browserCookie = createBrowserCookie({ scope, days: TRUST_DAYS });
  const forms = createCsrfTokens({ secrets, scope });
  const sessionOf = createOwnSessionFinder({ provider, findAccount, secondFactorPolicy });
  const accountCeremonies = createAccountCeremonies({
    provider,
    secrets,
    passkeys: services.passkeys,
    browserCookie,
    findAccount,
    sessionOf,
    getFactors: secondFactor.getFactors,
    canSignInHere: services.connections.canSignInHere,
  });
  const findLook = async (accountId: string): Promise<Look> => ({
    theme: (await findPreferences(accountId)).theme,
    timeZone: (await findAccount(accountId))?.zoneinfo ?? undefined,
  });
  const signedIn = createSignedInPages({
    secrets,
    showPage,
    covers,
    findAccount,
    sessionOf,
    recordUse: services.sessions.recordUse,
    pendingActions,
    findLook,
    signInUrl: (page, params) => signInUrl(issuer, page, params),
  });

  /** Stops floods of mail: counts a message for the address that asks and for the mailbox that gets it. */
  async function limitMail(email: string): Promise<void> {
    await limits.mail.countAttempt(currentUnit().origin.ip);
    await limits.countMessage(email);
  }

  const router = new Router();
  registerInteractionPages(router, {
    config,
    services,
    provider,
    showPage,
    findAccount,
    pendingActions,
    browserCookie,
    invitationCookie,
    recoveryCookie,
    ceremonies: { account: accountCeremonies },
  });
  createEntryPages(router, { issuer, invitationCookie });
  createRecoveryPages(router, {
    issuer,
    recovery,
    showPage,
    passwordFault: passwords.fault,
    limitMail,
    forms,
    recoversByEmail: config.recoverByEmail,
    cookies: { reset: sealedCookie('reset'), request: sealedCookie('request') },
  });
  createNotMePages(router, { issuer, recovery, showPage, forms, noticeCookie: sealedCookie('notice') });
  createEmailVerificationPages(router, {
    issuer,
    recovery,
    showPage,
    forms,
    sessionOf,
    verifyCookie: sealedCookie('verify'),
  });
  createDevicePages(router, {
    provider,
    showPage,
    forms,
    unknownCodes: limits.userCode,
    findAccount,
    findPlace: services.places.find,
    findScopeDescriptions: services.scopeDescriptions.find,
    findResource: services.resources.find,
  });
  createResourceMetadata(router, { issuer, resources: services.resources });
  createWellKnown(router, { issuer, relatedOrigins: config.passkeys.relatedOrigins });

  const mayAdminister = createMayAdminister(covers);
  const freshSignIn = createAccountPages(router, {
    signedIn,
    showPage,
    mayAdminister,
    browserCookie,
    recovery,
    limitMail,
    sessions: services.sessions,
    background: services.background,
    signInRequests: createSignInRequests({ ...services, provider, addToConsent }),
    signInOf: createSignInFacts(provider),
    consents: services.consents,
    history: services.history,
    places: services.places,
    findScopeDescriptions: services.scopeDescriptions.find,
    findResource: services.resources.find,
    limitToCeiling,
    profile: services.accounts.getProfile,
    ownProfile: services.accounts.own,
    findPreferences,
    changePassword: passwords.change,
    ownPassword: passwords.own,
    accountData: services.accountData,
    closing: services.accounts.closing,
    pictures: services.accounts.pictures,
    listChoices: services.connections.listChoices,
    listSignInServices: services.connections.signInSwitch.listNames,
    isOwnPassword: passwords.isOwnPassword,
    rotateSession: (ctx) => rotateSession(provider, scope, ctx),
    pendingActions,
    freshSignIn: {
      signInAgain: (page, params) => signInUrl(issuer, page, params),
      async getSignIn(ctx) {
        const session = await accountCeremonies.findSignIn(ctx);
        return { amr: session?.amr ?? [], isFresh: session?.isFresh ?? false };
      },
    },
    factors: {
      secondFactor,
      browserCookie,
      failedSignIns: limits.signIn,
      qrImage,
      keys: services.passkeys.credentials,
      rpId: new URL(issuer).hostname,
      notify: services.notify,
      findRecovery: (accountId) => services.history.findLast(accountId, 'recovery_link.used', LOST_KEY_DAYS),
      scriptToken: (sessionUid) => accountCsrf(secrets, sessionUid),
      addMethod: (ctx, method) => rotateSession(provider, scope, ctx, { addMethod: method }),
    },
  });
  registerConnectionPages(router, {
    config,
    services,
    signedIn,
    showPage,
    browserCookie,
    sessionOf,
    freshSignIn,
    mayAdminister,
  });
  createConsolePages(router, { ...services, config, signedIn, showPage, covers, qrCode, freshSignIn });
  createLogoRoute(router, services.clients);
  createHomePages(router, {
    provider,
    showPage,
    findAccount,
    mayAdminister,
    recordUse: services.sessions.recordUse,
    findLook,
    signInUrl: signInUrl(issuer, '/'),
    listApplications: services.clients.listFrontPages,
  });
  return router;
}
