import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import type { Config } from './config.ts';
import { signIn } from './identity/accounts/sign-in.ts';
import { createRedemption } from './identity/invitations/redeem.ts';
import { createInvitations } from './identity/invitations/service.ts';
import { createPasswords } from './identity/passwords/index.ts';
import { createDoors } from './interactions/doors.ts';
import { createHeldCode } from './interactions/held-code.ts';
import { createInteractions } from './interactions/pages.ts';
import type { Database } from './kit/database.ts';
import type { Logger } from './kit/log.ts';
import { schemaStatus } from './kit/migrations.ts';
import { createSecrets } from './kit/secrets.ts';
import { findAccount } from './oidc/accounts.ts';
import { answers } from './oidc/answers.ts';
import { createClientSource } from './oidc/clients/source.ts';
import { createEnginePages } from './oidc/pages.ts';
import { createProvider } from './oidc/provider.ts';
import { requestUnit } from './oidc/request-unit.ts';
import { covers, withinCeiling } from './oidc/scopes.ts';
import { createSigningKeys } from './oidc/signing-keys/index.ts';
import { createStorage } from './oidc/storage/index.ts';
import { createAssets } from './web/assets.ts';
import { showError } from './web/error-page.ts';
import { health } from './web/health.ts';
import { createHome } from './web/home.ts';
import { createRenderer } from './web/render.ts';
import { allowFormTarget, sameOriginForms } from './web/security.ts';
import { shell } from './web/shell.ts';

export interface App {
  /** The Koa application. */
  provider: Provider;
  notReady(): Promise<string | undefined>;
  /** @returns a fresh set-up link while nobody administers this server */
  setUpLink(): Promise<string | undefined>;
}

/** Our own pages; the router need not look at what applications ask. */
const PAGES = /^\/($|code$|interaction\/|invitation$|signed-in$|account(\/|$)|admin(\/|$))/;

const HEADINGS: Record<number, string> = {
  403: 'This was not done',
  404: 'There is nothing here',
  503: 'We cannot answer just now',
};

/** Why the server cannot serve, in words for the operator, or undefined. */
function readiness(database: Database): () => Promise<string | undefined> {
  let current = false;
  return async () => {
    try {
      await database.ping();
      if (!current) current = (await schemaStatus(database)).current;
    } catch {
      return 'The database does not answer.';
    }
    return current ? undefined : 'The schema is not current: run latchkey db migrate.';
  };
}

/**
 * The composition root: every room, in order, from plain functions.
 * @throws LatchkeyError when a signing key does not open with the configured secrets
 */
export async function createApp(deps: { config: Config; database: Database; log: Logger }): Promise<App> {
  const { config, database, log } = deps;
  const { hot } = database;
  const secure = config.issuer.startsWith('https:');
  const secrets = createSecrets(config.secrets);
  const passwords = createPasswords(secrets, config.threads);
  const assets = createAssets();
  const renderer = createRenderer({ assets, issuer: config.issuer });
  const render = renderer.page;
  const keys = await createSigningKeys({ database, secrets }).load();
  const clients = createClientSource({ hot, issuer: config.issuer });
  const provider = createProvider({
    config,
    secrets,
    adapter: createStorage({ secrets, issuer: config.issuer, clients }),
    findAccount,
    keys,
    log,
    pages: createEnginePages(render),
  });
  const notReady = readiness(database);

  const page = (ctx: Context, status: number, message: string) => {
    ctx.status = status;
    if (ctx.accepts('html', 'json') === 'html') {
      return showError(ctx, render, {
        heading: HEADINGS[status] ?? 'This request could not be completed',
        lede: message,
      });
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { type: 'about:blank', title: message, status };
    ctx.type = 'application/problem+json';
  };

  const invitations = createInvitations({ knex: database.knex, issuer: config.issuer, covers });
  const redemption = createRedemption({ knex: database.knex, issuer: config.issuer, covers, ...invitations });
  const door = {
    issuer: config.issuer,
    held: createHeldCode({ secrets, secure }),
    limitGuesses: async () => {},
  };
  const interactions = createInteractions({
    provider,
    secrets,
    render,
    invitation: {
      ...door,
      look: redemption.look,
      add: redemption.add,
      redeem: async ({ password, ...newcomer }) =>
        redemption.redeem({ ...newcomer, passwordHash: await passwords.hash(password) }),
      passwordFault: (password) => (password.length < 15 ? 'Use at least 15 characters.' : undefined),
    },
    signIn: (given) => signIn(passwords, given),
    findPerson: (accountId) => findAccount(undefined, accountId),
    withinCeiling,
    refreshTokenDays: Math.max(1, Math.round(config.ttl.refreshToken / 86_400)),
  });
  const router = new Router();
  router.use(interactions.routes());
  createDoors(router, door);
  createHome(router, { provider, render, findPerson: (accountId) => findAccount(undefined, accountId) });

  const pages = router.routes();

  const middleware = [
    shell({ log, secure, page }),
    health({ notReady }),
    assets.middleware,
    sameOriginForms({
      issuer: config.issuer,
      paths: /^\/(interaction|session|invitation|account|admin)(\/|$)/,
    }),
    requestUnit({ hot }),
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
    async setUpLink() {
      if (await invitations.isAdministered(database.knex)) return undefined;
      return (await invitations.setUpLink({ accountId: null })).url;
    },
  };
}
