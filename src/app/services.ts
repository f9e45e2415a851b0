import { covers } from '../access/scopes.ts';
import type { Config } from '../config/index.ts';
import type { Database } from '../database/open.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { createRoles } from '../identity/accounts/roles.ts';
import { createAccounts } from '../identity/accounts/service.ts';
import { createInvitationMail } from '../identity/invitations/mail.ts';
import { createRedemption } from '../identity/invitations/redeem.ts';
import { createInvitations } from '../identity/invitations/service.ts';
import { createSignUp } from '../identity/invitations/sign-up.ts';
import type { FactorEvent } from '../identity/mail/messages.ts';
import { createFactorMail } from '../identity/mail/security-notices.ts';
import { createPost } from '../identity/mail/send.ts';
import { createPasskeys } from '../identity/passkeys/index.ts';
import { trustRoots } from '../identity/passkeys/registration.ts';
import { clearGuess, type GivenPassword, provePassword, signIn } from '../identity/passwords/authenticate.ts';
import { createPasswordChange } from '../identity/passwords/change.ts';
import { createPasswords } from '../identity/passwords/hashing.ts';
import { createPasswordRules, isTooLong } from '../identity/passwords/rules.ts';
import { createEnrolment } from '../identity/recovery/passkey-recovery.ts';
import { createRecovery } from '../identity/recovery/password-reset.ts';
import { createSecondFactor } from '../identity/second-factor/index.ts';
import type { Background } from '../kit/background.ts';
import type { Logger } from '../kit/log.ts';
import { createMailer, type Mailer } from '../kit/mail.ts';
import { createSecrets } from '../kit/secrets.ts';
import { findAccount } from '../oidc/claims.ts';
import { OWN_CLIENT_ID } from '../oidc/clients/own-client.ts';
import { createClients } from '../oidc/clients/service.ts';
import { createClientUsage } from '../oidc/clients/usage.ts';
import { createSecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { createSigningKeys } from '../oidc/signing-keys/index.ts';
import { createLimits } from '../web/rate-limits/index.ts';
import { createMailRenderer } from '../web/render.ts';

export interface ServiceDeps {
  config: Config;
  database: Database;
  log: Logger;
  /** Where mail that nobody waits for is sent. */
  background: Background;
  /** Gets the mail when no mail server is configured. Without one, no mail is sent. */
  fallbackMailer?: Mailer;
}

/**
 * Every service, built once. The server, the command, the tests and the bench start from here; none of them knows how
 * a service is made.
 */
export function createServices(deps: ServiceDeps) {
  const { config, database, log, background } = deps;
  const { knex } = database;
  const { issuer } = config;
  const secrets = createSecrets(config.secrets);
  const limits = createLimits({ knex, redisUrl: config.redisUrl, log });
  const signingKeys = createSigningKeys({ database, secrets });
  const clients = createClients({ knex, issuer });
  const clientUsage = createClientUsage(knex);

  const passwords = createPasswords(secrets, config.threads);
  const passwordRules = createPasswordRules({ minimum: config.passwordMinLength });
  const changePassword = createPasswordChange({
    knex,
    passwords,
    passwordFault: passwordRules.fault,
    prove: (given) => provePassword(passwords, given),
  });
  /** Whether the password is the account's, with everything that slows down guessing at sign-in. */
  async function ownsPassword({ accountId, ...given }: GivenPassword & { accountId: string }) {
    const proof = isTooLong(given.password) ? undefined : await provePassword(passwords, given);
    if (proof) clearGuess(proof);
    return proof?.accountId === accountId;
  }
  const accounts = createAccounts({ knex, passwords, rules: passwordRules });
  const roles = createRoles({ knex });

  const { url, from } = config.mail;
  const mailer = url === undefined ? deps.fallbackMailer : createMailer({ url, from });
  const post = createPost({ knex, mailer, render: createMailRenderer({ issuer }) });
  const mailNotice = createFactorMail({ knex, issuer, post });
  /** Mails the owner of an account that a way to sign in was added, removed or used. */
  const notify = (accountId: string, event: FactorEvent, keyName = '') =>
    background.run(event, () => mailNotice(accountId, event, keyName));

  if (config.passkeys.rootCertificates.length > 0) trustRoots(config.passkeys.rootCertificates);
  const passkeys = createPasskeys({
    knex,
    rp: {
      name: 'Latchkey',
      id: new URL(issuer).hostname,
      origin: issuer,
      allowedAaguids: config.passkeys.aaguids,
    },
    names: config.passkeys.names,
    counterPolicy: config.passkeys.counter,
    tell: (accountId, event, { name }) => notify(accountId, event, name),
  });
  const secondFactor = createSecondFactor({ knex, secrets, issuer });
  const secondFactorPolicy = createSecondFactorPolicy(config.secondFactor);

  /** Whether a link in a confirmed mailbox opens this account. It never replaces a second factor. */
  async function mailOpens(accountId: string): Promise<boolean> {
    if (!config.recoverByEmail) return false;
    const { demanded: hasAddedFactor } = await secondFactor.factorsOf(accountId);
    return withUnit(new UnitOfWork(database.driver), async () => {
      const account = await findAccount(accountId);
      if (!account) return false;
      const owner = { id: accountId, scopes: account.scopes };
      return !(await secondFactorPolicy.isRequired({
        account: owner,
        clientId: OWN_CLIENT_ID,
        hasAddedFactor,
      }));
    });
  }
  const recovery = createRecovery({
    knex,
    issuer,
    post,
    background,
    hashPassword: passwords.hash,
    mailOpens,
  });
  const passkeyRecovery = createEnrolment({ knex, issuer, names: config.passkeys.names, mailOpens, notify });

  const invitations = createInvitations({ knex, issuer, covers });
  const mailInvitation = createInvitationMail({ knex, post, invitations });
  const redemption = createRedemption({
    knex,
    issuer,
    covers,
    isAdministered: invitations.isAdministered,
  });
  const signUp = createSignUp({
    redemption,
    hashPassword: passwords.hash,
    passkeyNames: config.passkeys.names,
    welcome: recovery.welcome,
    takeMessage: limits.takeMessage,
  });

  return {
    accounts,
    background,
    changePassword,
    clients,
    clientUsage,
    findAccount,
    invitations,
    limits,
    mailInvitation,
    notify,
    ownsPassword,
    passkeyRecovery,
    passkeys,
    passwordRules,
    passwords,
    recovery,
    redemption,
    roles,
    secondFactor,
    secondFactorPolicy,
    secrets,
    sendsMail: post.sends,
    signIn: (given: GivenPassword) => signIn(passwords, given),
    signingKeys,
    signUp,
  };
}

export type Services = ReturnType<typeof createServices>;
