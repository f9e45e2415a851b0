import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import type { Config } from './config.ts';
import { signIn } from './identity/accounts/sign-in.ts';
import { createRedemption } from './identity/invitations/redeem.ts';
import { createInvitations } from './identity/invitations/service.ts';
import { createPasskeys } from './identity/passkeys/index.ts';
import { insertKey } from './identity/passkeys/keys.ts';
import { readNames } from './identity/passkeys/names.ts';
import { createPasswords } from './identity/passwords/index.ts';
import { createSecondFactor } from './identity/second-factor/index.ts';
import { createCeremonyCookie } from './interactions/ceremony.ts';
import { createDoors } from './interactions/doors.ts';
import { createHeldCode } from './interactions/held-code.ts';
import { createInteractions } from './interactions/pages.ts';
import { createAccountSide } from './interactions/webauthn-account.ts';
import { createWellKnown } from './interactions/well-known.ts';
import type { Database } from './kit/database.ts';
import type { Logger } from './kit/log.ts';
import { schemaStatus } from './kit/migrations.ts';
import { createSecrets } from './kit/secrets.ts';
import { findAccount } from './oidc/accounts.ts';
import { answers } from './oidc/answers.ts';
import { createClientSource } from './oidc/clients/source.ts';
import { createDemand } from './oidc/demand.ts';
import { createEnginePages } from './oidc/pages.ts';
import { createProvider } from './oidc/provider.ts';
import { requestUnit } from './oidc/request-unit.ts';
import { covers, withinCeiling } from './oidc/scopes.ts';
import { createSigningKeys } from './oidc/signing-keys/index.ts';
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
const PAGES =
  /^\/($|code$|interaction\/|webauthn\/|invitation$|signed-in$|account(\/|$)|admin(\/|$)|\.well-known\/(webauthn|passkey-endpoints|change-password)$)/;

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
  const provider = createProvider({ config, secrets, clients, keys, log, pages: createEnginePages(render) });
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
  const { knex } = database;
  const findPerson = (accountId: string) => findAccount(undefined, accountId);
  const names = config.passkeys.namesFile ? readNames(config.passkeys.namesFile) : new Map<string, string>();
  const passkeys = createPasskeys({
    knex,
    names,
    rp: {
      name: 'Latchkey',
      id: new URL(config.issuer).hostname,
      origin: config.issuer,
      allowedAaguids: config.passkeys.aaguids,
    },
    counterPolicy: config.passkeys.counter,
    tell: () => {},
  });
  const ceremony = createCeremonyCookie({ secure });
  const accountSide = createAccountSide({ provider, secrets, passkeys, ceremony, findPerson });
  const interactions = createInteractions({
    provider,
    secrets,
    render,
    ceremony,
    accountSide,
    demand: createDemand(config.secondFactor),
    secondFactor: createSecondFactor({ knex, secrets, issuer: config.issuer }),
    passkeys: {
      passkeys,
      secondAfterRegress: config.passkeys.counter === 'second_factor',
      redeemWithKey: ({ key, ...newcomer }) =>
        redemption.redeem({
          ...newcomer,
          also: (trx, accountId) => insertKey(trx, { accountId, key, names, from: newcomer.from }),
        }),
      isTaken: async (username) => (await knex('T_accounts').where({ username }).first('id')) !== undefined,
    },
    invitation: {
      ...door,
      look: redemption.look,
      add: redemption.add,
      redeem: async ({ password, ...newcomer }) =>
        redemption.redeem({ ...newcomer, passwordHash: await passwords.hash(password) }),
      passwordFault: (password) => (password.length < 15 ? 'Use at least 15 characters.' : undefined),
    },
    signIn: (given) => signIn(passwords, given),
    findPerson,
    withinCeiling,
    refreshTokenDays: Math.max(1, Math.round(config.ttl.refreshToken / 86_400)),
  });
  const router = new Router();
  router.use(interactions.routes());
  createDoors(router, door);
  createWellKnown(router, { issuer: config.issuer, relatedOrigins: config.passkeys.relatedOrigins });
  createHome(router, { provider, render, findPerson });

  const pages = router.routes();

  const middleware = [
    shell({ log, secure, page }),
    health({ notReady }),
    assets.middleware,
    sameOriginForms({
      issuer: config.issuer,
      paths: /^\/(interaction|session|invitation|account|admin)(\/|$)/,
      jsonPaths: /^\/webauthn(\/|$)/,
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
