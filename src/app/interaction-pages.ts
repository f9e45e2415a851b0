import type Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import { limitToCeiling } from '../access/scopes.ts';
import { PURPOSES } from '../account/fresh-sign-in.ts';
import type { Config } from '../config/settings.ts';
import { isTooLong } from '../identity/passwords/rules.ts';
import { createInteractionPages, type InteractionPagesDeps } from '../interactions/index.ts';
import type { FindAccount } from '../oidc/claims.ts';
import { addToConsent } from '../oidc/consents/store.ts';
import { keepDocumentClient } from '../oidc/registration/registered-clients.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import type { PendingActions } from '../web/pending-action.ts';
import type { ShowPage } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { Services } from './services.ts';

/** Registers the pages between an application's request and its answer. */
export function registerInteractionPages(
  router: Router,
  deps: {
    config: Config;
    services: Services;
    provider: Provider;
    showPage: ShowPage;
    findAccount: FindAccount;
    pendingActions: PendingActions;
    browserCookie: BrowserCookie;
    invitationCookie: SealedCookie;
    recoveryCookie: SealedCookie;
    ceremonies: Omit<InteractionPagesDeps['ceremonies'], 'limit'>;
  },
): void {
  const { config, services, pendingActions } = deps;
  const { limits, invitations, passwords, recovery } = services;
  const pages = createInteractionPages({
    provider: deps.provider,
    secrets: services.secrets,
    wayBack: services.wayBack,
    showPage: deps.showPage,
    browserCookie: deps.browserCookie,
    invitationCookie: deps.invitationCookie,
    recoveryCookie: deps.recoveryCookie,
    findAccount: deps.findAccount,
    findOffer: invitations.findOffer,
    findRecoveryLink: recovery.findRecoveryLink,
    secondFactor: services.secondFactor,
    login: {
      signIn: passwords.signIn,
      outageSecondsLeft: passwords.outageSecondsLeft,
      isTooLong,
      failedSignIns: limits.signIn,
      recoversByEmail: config.recoverByEmail,
      findPurpose: (ctx, accountId, page) =>
        pendingActions.find(ctx, accountId)?.purpose ?? PURPOSES.get(page),
      isFormKept: (ctx, page) => pendingActions.findForm(ctx)?.page === page,
    },
    consent: {
      limitToCeiling,
      refreshTokenTtl: config.ttl,
      findLogo: services.clients.findLogo,
      findScopeDescriptions: services.scopeDescriptions.find,
      findResource: services.resources.find,
      addToConsent,
      keepClient: (clientId) => keepDocumentClient(clientId, config.registration.ttl),
    },
    connection: {
      findUnconnected: services.connections.findUnconnected,
      connect: services.connections.connect,
      browserCookie: deps.browserCookie,
      countVisit: limits.connect.countAttempt,
    },
    connectedSignIn: {
      signIn: services.connections.signIn,
      countVisit: limits.connect.countAttempt,
      canSignInHere: services.connections.canSignInHere,
      signUpWithIdentity: invitations.signUpWithIdentity,
    },
    invitation: {
      signUp: invitations.signUpWithPassword,
      addToAccount: invitations.addToAccount,
      passwordFault: passwords.fault,
      unknownCodes: limits.invitation,
    },
    secondFactorStep: {
      policy: services.secondFactorPolicy,
      cancelClosing: services.accounts.closing.cancelClosing,
      notifyRecoveryUsed: (accountId) => services.notify(accountId, 'recovery_used'),
    },
    recovery: { issuer: config.issuer, exchangeRecoveryCode: recovery.exchangeRecoveryCode },
    passkeys: {
      passkeys: services.passkeys,
      signUpWithPasskey: invitations.signUpWithPasskey,
      recoverWithPasskey: recovery.recoverWithPasskey,
      refuseTaken: invitations.refuseTaken,
      secondAfterRegress: config.passkeys.counter === 'second_factor',
    },
    ceremonies: { ...deps.ceremonies, limit: limits.ceremony },
  });
  router.use(pages.routes());
}
