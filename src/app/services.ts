import { covers } from '../access/scopes.ts';
import { createHistory } from '../audit/history.ts';
import type { Config } from '../config/settings.ts';
import { describeWithNames } from '../connections/services/scopes-with-service-names.ts';
import { endSignIns } from '../connections/sign-in/store.ts';
import { findClockFault } from '../database/clock.ts';
import type { Database } from '../database/open.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { createAccountData } from '../identity/account-data/service.ts';
import * as roleStore from '../identity/accounts/application-role-store.ts';
import { stopClosing } from '../identity/accounts/closing-store.ts';
import * as emailStore from '../identity/accounts/email-store.ts';
import { createAccounts } from '../identity/accounts/index.ts';
import { keepAdministrator } from '../identity/accounts/last-administrator.ts';
import {
  assertSignedIn,
  createSignOutEverywhere,
  revokeAccessTokens,
} from '../identity/accounts/sign-out-everywhere.ts';
import * as accountStore from '../identity/accounts/store.ts';
import { createInvitations } from '../identity/invitations/index.ts';
import { listRedeemedInvitations } from '../identity/invitations/redemption-store.ts';
import { revokeInvitationsBy } from '../identity/invitations/store.ts';
import { listSignedKinds, removeAllKeys, unsignCredential } from '../identity/passkeys/store.ts';
import { createPasswords } from '../identity/passwords/index.ts';
import * as passwordStore from '../identity/passwords/store.ts';
import { forgetBrowsers } from '../identity/passwords/trusted-browsers.ts';
import { createRecovery } from '../identity/recovery/index.ts';
import { findPendingEmail, voidLinks } from '../identity/recovery/links.ts';
import { createSecondFactor } from '../identity/second-factor/index.ts';
import { createPlaces } from '../identity/sessions/places.ts';
import { createSessions } from '../identity/sessions/service.ts';
import type { Background } from '../kit/background.ts';
import type { Logger } from '../kit/log.ts';
import { createSecrets } from '../kit/secrets.ts';
import type { Mailer } from '../kit/smtp.ts';
import { listOpenRequests } from '../oidc/ciba/store.ts';
import { createScopeDescriptions } from '../oidc/clients/api-scope-descriptions.ts';
import { createClients } from '../oidc/clients/service.ts';
import { findClient } from '../oidc/clients/store.ts';
import { createClientUsage } from '../oidc/clients/usage.ts';
import { createConsents } from '../oidc/consents/service.ts';
import { createTrustedIssuers } from '../oidc/id-jag/trusted-issuers.ts';
import { addDeliveriesOf, recordSessionEnds } from '../oidc/logout/store.ts';
import { loadPairwiseSubjects } from '../oidc/pairwise-subjects.ts';
import { createPresets } from '../oidc/presets/library.ts';
import { createRegistration } from '../oidc/registration/index.ts';
import { createRegistrationTokens } from '../oidc/registration/tokens.ts';
import { createResources } from '../oidc/resources/service.ts';
import { createSecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { createSigningKeys } from '../oidc/signing-keys/index.ts';
import { createTraces } from '../oidc/trace/index.ts';
import { createWayBack } from '../oidc/way-back.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import { createLimits } from '../web/rate-limits/index.ts';
import { canSignInHere } from './can-sign-in-here.ts';
import { createConnections } from './connections.ts';
import { createEngineHooks } from './engine-hooks.ts';
import { createMail } from './mail.ts';
import { createMailRecovery } from './mail-recovery.ts';
import { createPasskeyService } from './passkeys.ts';

export interface ServiceDeps {
  config: Config;
  database: Database;
  log: Logger;
  /** Runs work after the response, such as sending mail. */
  background: Background;
  /** Used if no mail server is configured. Without either, no mail is sent. */
  fallbackMailer?: Mailer;
}

/**
 * Every service, built once. The server, the command, the tests and the bench start from here; none of them knows how
 * a service is made.
 */
export function createServices(deps: ServiceDeps) {
  const { config, database, log, background } = deps;
  const { knex, driver } = database;
  const { issuer } = config;
  const { findAccount, lockAccount } = accountStore;
  const secrets = createSecrets(config.secrets);
  const limits = createLimits({ knex, redisUrl: config.redisUrl, log });
  const signingKeys = createSigningKeys({
    knex,
    secrets,
    keepFor: config.ttl.sessionMax,
    findClockFault: () => findClockFault(database),
  });
  const scopeDescriptions = createScopeDescriptions(knex);
  const clients = createClients({ knex, issuer, secrets, settings: config });
  const clientUsage = createClientUsage(knex, config.registration.ttl);
  const consents = createConsents(knex);
  const trustedIssuers = createTrustedIssuers({ knex, driver, issuer });
  const resources = createResources({ knex, driver, issuer, findClient });

  const signOutEverywhere = createSignOutEverywhere({ voidLinks, forgetBrowsers, recordSessionEnds });
  const { mail, notify, notifyBroken } = createMail({
    knex,
    config,
    background,
    fallbackMailer: deps.fallbackMailer,
  });

  const passwords = createPasswords({
    knex,
    secrets,
    threads: config.threads,
    minimumLength: config.passwordMinLength,
    findAccount,
    recordSignIn: accountStore.recordSignIn,
    limitFailures: (attempt) => limits.signIn.tryAttempt(currentUnit().origin.ip, attempt),
    signOutEverywhere,
    assertSignedIn,
    notify,
  });

  const secondFactor = createSecondFactor({
    knex,
    secrets,
    issuer,
    listSignedKinds,
    signOutEverywhere,
    assertSignedIn,
    notify,
  });
  const secondFactorPolicy = createSecondFactorPolicy(config.secondFactor, resources.find);
  const passkeys = createPasskeyService({ config, knex, secrets, secondFactor, notify });

  const allowsMailRecovery = createMailRecovery({ config, database, secondFactor, secondFactorPolicy });
  const { addIn: addCredential } = passkeys.credentials;
  const connections = createConnections({ config, database, secrets, notify, log, notifyBroken, background });
  const recovery = createRecovery({
    knex,
    issuer,
    mail,
    background,
    findAccount,
    listAccountsAwaiting: accountStore.listAccountsAwaiting,
    confirmEmail: emailStore.confirmEmail,
    confirmRequestedEmail: emailStore.confirmRequestedEmail,
    replaceEmail: emailStore.replaceEmail,
    assertSignedIn,
    lockAccount,
    hasPassword: passwordStore.hasPassword,
    setPassword: passwordStore.setPassword,
    hashPassword: passwords.hash,
    addCredential,
    removeAllKeys,
    unsignCredential,
    stopClosing,
    removeAllCodes: secondFactor.removeAll,
    removeAllConnections: connections.removeAll,
    endConnectionSignIns: endSignIns,
    canSignInHere,
    revokeInvitationsBy,
    signOutEverywhere,
    allowsMailRecovery,
    getKeyName: async (accountId, id) => (await passkeys.credentials.get(accountId, id)).name,
    recoveryCodes: secondFactor.recoveryCodes,
    notify,
  });
  const invitations = createInvitations({
    knex,
    issuer,
    secrets,
    covers,
    mail,
    findAccount,
    hasAdministrator: accountStore.hasAdministrator,
    insertAccount: accountStore.insertAccount,
    confirmEmail: emailStore.confirmEmail,
    releaseEmail: emailStore.releaseEmail,
    keepAdministrator,
    replaceScopes: accountStore.replaceScopes,
    usernameTaken: accountStore.usernameTaken,
    listGlobalRoles: roleStore.listGlobalRoles,
    insertGlobalRoles: roleStore.insertGlobalRoles,
    deleteGlobalRoles: roleStore.deleteGlobalRoles,
    insertPassword: passwordStore.insertPassword,
    hashPassword: passwords.hash,
    addCredential,
    revokeAccessTokens,
    createVerificationLink: recovery.createVerificationLink,
    mailVerificationLink: recovery.mailVerificationLink,
    countMessage: limits.countMessage,
  });
  const accounts = createAccounts({
    knex,
    issuer,
    passwords,
    hasPassword: passwordStore.hasPassword,
    insertPassword: passwordStore.insertPassword,
    findClient,
    findPendingEmail,
    listRedeemedInvitations,
    renameCredential: passwordStore.renameCredential,
    tryAttempt: limits.signIn.tryAttempt,
    notify,
    voidLinks,
    signOutEverywhere,
    removeAllConnections: connections.removeAll,
    findClockFault: () => findClockFault(database),
  });
  const accountData = createAccountData({ knex, issuer, background, findAccount, assertSignedIn });
  const places = createPlaces({ file: config.geoipFile, log });
  const sessions = createSessions({ knex, driver, background, places, notifyClients: addDeliveriesOf });

  return {
    accountData,
    accounts,
    background,
    clients,
    clientUsage,
    connections,
    consents,
    engineHooks: createEngineHooks({ knex, config, mail, background, limits, trustedIssuers }),
    history: createHistory(knex),
    invitations,
    limits,
    loadPairwiseSubjects: () => loadPairwiseSubjects(knex),
    wayBack: createWayBack({ issuer, secrets, scope: issuerScope(issuer) }),
    notify,
    passkeys,
    passwords,
    places,
    presets: createPresets(config.presets),
    recovery,
    registration: createRegistration({ config, driver, secrets, limits }),
    registrationTokens: createRegistrationTokens(knex),
    resources,
    scopeDescriptions: {
      ...scopeDescriptions,
      find: async (scopes: string[]) =>
        describeWithNames(scopes, await scopeDescriptions.find(scopes), connections.services.find),
    },
    secondFactor,
    secondFactorPolicy,
    secrets,
    sessions,
    trustedIssuers,
    listSignInRequests: (accountId: string) => listOpenRequests(knex, accountId),
    signingKeys,
    signOutEverywhere,
    traces: createTraces(knex),
  };
}

export type Services = ReturnType<typeof createServices>;
