import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import { covers, limitToCeiling } from '../access/scopes.ts';
import { createHomePages } from '../account/home.ts';
import { createAccountPages } from '../account/index.ts';
import type { Config } from '../config/index.ts';
import { createInvitationPages } from '../console/invitations.ts';
import { createConsoleLayout } from '../console/layout.ts';
import type { Database } from '../database/open.ts';
import { createReadiness } from '../database/readiness.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { profileOf } from '../identity/accounts/profile.ts';
import { qrCode } from '../identity/invitations/export.ts';
import { clearGuess, provePassword, signIn } from '../identity/passwords/authenticate.ts';
import { createPasswordChange } from '../identity/passwords/change.ts';
import { createPasswords } from '../identity/passwords/hashing.ts';
import { createPasswordRules, isTooLong } from '../identity/passwords/rules.ts';
import type { Recovery } from '../identity/recovery/password-reset.ts';
import { createEntryPages } from '../interactions/entry.ts';
import { createInteractionPages } from '../interactions/index.ts';
import { createRecoveryPages } from '../interactions/password-reset.ts';
import type { Logger } from '../kit/log.ts';
import { createSecrets } from '../kit/secrets.ts';
import { findAccount } from '../oidc/claims.ts';
import { createClientCache } from '../oidc/clients/cache.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import { createClientUsage } from '../oidc/clients/usage.ts';
import { createEnginePages } from '../oidc/engine-pages.ts';
import { createProvider } from '../oidc/provider.ts';
import { requestUnit } from '../oidc/request-unit.ts';
import { answers, endpointError, inJson } from '../oidc/responses.ts';
import { rotateSession } from '../oidc/session.ts';
import { createSigningKeys } from '../oidc/signing-keys/index.ts';
import { createStorage } from '../oidc/storage/index.ts';
import { createAssets } from '../web/assets.ts';
import { createBrowserCookie } from '../web/browser-cookie.ts';
import { createCsrfTokens } from '../web/csrf.ts';
import { showError } from '../web/error-page.ts';
import { health } from '../web/health.ts';
import { postAsGet } from '../web/post-as-get.ts';
import { createLimits } from '../web/rate-limits/index.ts';
import { createRenderer } from '../web/render.ts';
import { createSealedCookie } from '../web/sealed-cookie.ts';
import { allowFormTarget, sameOriginForms } from '../web/security.ts';
import { type ErrorAnswer, shell } from '../web/shell.ts';
import { createSignedInPages } from '../web/signed-in.ts';
import { createWellKnown } from '../web/well-known.ts';
import { createFactors } from './factors.ts';
import { createPeople } from './services.ts';

export interface App {
  /** The Koa application. */
  provider: Provider;
  notReady(): Promise<string | undefined>;
  /** Writes which applications were used; a job calls it. */
  writeClientUsage(): Promise<number>;
  /** @returns a fresh set-up link while nobody administers this server */
  setUpLink(): Promise<string | undefined>;
  /** For what sends mail of its own accord: pages of the account, administration. */
  recovery: Recovery;
  /** Waits for the mail that is still to go, for so long. */
  drain(ms: number): Promise<void>;
  /** Sends the mail that still waits, and lets go of what it opened. To call after the last answer. */
  close(ms: number): Promise<void>;
}

/** Our own pages; the router need not look at what applications ask. */
const PAGES =
  /^\/($|code$|interaction\/|webauthn\/|invitation$|signed-in$|(forgot|reset|verify|recover|account|admin)(\/|$)|\.well-known\/(webauthn|passkey-endpoints|change-password)$)/;

const HEADINGS: Record<number, string> = {
  403: 'This was not done',
  404: 'There is nothing here',
  409: 'This was not done',
  429: 'Too many attempts',
  503: 'We cannot answer just now',
};

/**
 * The composition root: every room, in order, from plain functions.
 * @throws LatchkeyError when a signing key does not open with the configured secrets
 */
export async function createApp(deps: { config: Config; database: Database; log: Logger }): Promise<App> {
  const { config, database, log } = deps;
  const { driver } = database;
  const secure = config.issuer.startsWith('https:');
  const secrets = createSecrets(config.secrets);
  const passwords = createPasswords(secrets, config.threads);
  const assets = createAssets();
  const renderer = createRenderer({ assets, issuer: config.issuer });
  const render = renderer.page;
  const keys = await createSigningKeys({ database, secrets }).load();
  const clients = createClientCache({ driver, issuer: config.issuer });
  const usage = createClientUsage(database.knex);
  const provider = createProvider({
    ...{ config, secrets, findAccount, keys, log },
    adapter: createStorage({ secrets, issuer: config.issuer, clients }),
    pages: createEnginePages(render),
    onUse: usage.noteUse,
  });
  const notReady = createReadiness(database, log);

  const page = (ctx: Context, { status, code, message }: ErrorAnswer) => {
    if (endpointError(ctx, status, message)) return;
    ctx.status = status;
    if (ctx.accepts('html', 'json') === 'html') {
      return showError(ctx, render, {
        heading: HEADINGS[status] ?? 'This request could not be completed',
        lede: message,
      });
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { type: 'about:blank', title: message, status, code };
    ctx.type = 'application/problem+json';
  };

  const limits = createLimits({ knex: database.knex, redisUrl: config.redisUrl, log });
  const { invitations, redemption, recovery, comeIn, background, post } = createPeople({
    ...{ config, database, log, limits },
    hashPassword: passwords.hash,
    mailOpens: (accountId) => factors.mailOpens(accountId),
  });
  const held = (what: string) => createSealedCookie({ secrets, secure }, what);
  const door = { issuer: config.issuer, held: held('invitation') };
  const { fault: passwordFault } = createPasswordRules({ minimum: config.passwordMinLength });
  const limitMail = async (email: string) => {
    await limits.reset.take(currentUnit().origin.ip);
    await limits.takeMessage(email);
  };
  const browser = createBrowserCookie({ secure });
  const factors = createFactors({
    ...{ config, database, secrets, provider, post, background, comeIn, findAccount },
  });
  const interactions = createInteractionPages({
    provider,
    secrets,
    render,
    ...factors.steps,
    invitation: {
      ...door,
      look: redemption.look,
      add: redemption.add,
      async redeem({ password, ...newcomer }) {
        // Before the slow hash: a name that is taken costs others no turn at it.
        await redemption.refuseTaken(newcomer.username);
        return comeIn({ ...newcomer, passwordHash: await passwords.hash(password) });
      },
      passwordFault,
      guesses: limits.invitation,
    },
    isTooLong,
    guesses: limits.signIn,
    ceremonies: limits.ceremony,
    browser,
    signIn: (given) => signIn(passwords, given),
    findAccount,
    limitToCeiling,
    refreshTokenDays: Math.max(1, Math.round(config.ttl.refreshToken / 86_400)),
  });
  const router = new Router();
  router.use(interactions.routes());
  createEntryPages(router, door);
  createWellKnown(router, { issuer: config.issuer, relatedOrigins: config.passkeys.relatedOrigins });
  createRecoveryPages(router, {
    issuer: config.issuer,
    recovery,
    forms: createCsrfTokens({ secrets, secure }),
    render,
    byMail: config.recoverByEmail,
    held: { reset: held('reset'), verify: held('verify'), request: held('request') },
    passwordFault,
    limitMail,
  });
  const signedIn = createSignedInPages({
    secrets,
    render,
    covers,
    findAccount,
    sessionOf: factors.sessionOf,
    signInUrl: (path) => signInUrl(config.issuer, path),
  });
  const admin = { signedIn, render, covers };
  const consoleLayout = createConsoleLayout(router, admin);
  const { mayAdminister } = consoleLayout;
  createInvitationPages(router, { ...admin, layout: consoleLayout, invitations, qrCode });
  createAccountPages(router, {
    signedIn,
    render,
    mayAdminister,
    factors: factors.pages,
    profile: (accountId) => profileOf(database.knex, { id: accountId }),
    changePassword: createPasswordChange({
      knex: database.knex,
      passwords,
      passwordFault,
      prove: (given) => provePassword(passwords, given),
    }),
    browser,
    recovery,
    limitMail,
    async proves({ accountId, ...given }) {
      const proof = isTooLong(given.password) ? undefined : await provePassword(passwords, given);
      if (proof) clearGuess(proof);
      return proof?.accountId === accountId;
    },
    rotateSession: (ctx) => rotateSession(provider, secure, ctx),
  });
  createHomePages(router, { provider, render, findAccount, mayAdminister });

  const pages = router.routes();

  const middleware = [
    inJson,
    shell({ log, secure, page }),
    health({ notReady }),
    assets.middleware,
    postAsGet(['/auth', '/session/end']),
    sameOriginForms({
      issuer: config.issuer,
      paths: /^\/(interaction|session|invitation|forgot|reset|verify|account|admin)(\/|$)/,
      jsonPaths: /^\/webauthn(\/|$)/,
    }),
    requestUnit({ driver }),
    answers({
      allowFormTarget,
      continueSignOut(ctx, xsrf) {
        ctx.body = render('sign-out/continue', {
          title: 'Continue',
          heading: 'Continue with the other account',
          text: 'You are about to leave the account that was signed in here before.',
          action: '/session/end/confirm',
          fields: { xsrf, logout: 'yes' },
          button: 'Continue',
        });
      },
    }),
    ((ctx, next) => (PAGES.test(ctx.path) ? pages(ctx as never, next) : next())) as Middleware,
  ];
  for (const one of middleware) provider.use(one as never);
  (provider as NodeJS.EventEmitter).on('error', (error: Error) => log.error({ err: error }));
  return {
    provider,
    notReady,
    recovery,
    drain: background.drain,
    writeClientUsage: usage.write,
    async setUpLink() {
      if (await invitations.isAdministered(database.knex)) return undefined;
      return (await invitations.setUpLink({ accountId: null })).url;
    },
    async close(ms) {
      await background.drain(ms);
      limits.close();
    },
  };
}
