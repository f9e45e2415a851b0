import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Connect } from '../connections/connect/connect.ts';
import type { Disconnect } from '../connections/connect/disconnect.ts';
import { tellFault, UpstreamFault } from '../connections/connect/faults.ts';
import type { ConnectionUse } from '../connections/connect/uses.ts';
import type { Service } from '../connections/services/service-config.ts';
import type { Vault } from '../connections/vault/index.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { AllowedApplication } from '../oidc/consents/applications.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { createSignInSwitchForm, type SignInFormDeps } from './connection-sign-in.ts';
import { applicationsOf, describeConnection, describeService, describeUse } from './describe-connections.ts';

export interface ConnectionsPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  services: {
    /** Finds a service, even a disabled one. */
    findAny(name: string): Promise<Service | undefined>;
    listActive(): Promise<Service[]>;
  };
  vault: Pick<Vault, 'list'>;
  connect: Pick<Connect, 'beginVisit' | 'connectWithKey'>;
  disconnect: Disconnect;
  signInSwitch: SignInFormDeps['signInSwitch'];
  freshSignIn: SignInFormDeps['freshSignIn'];
  browserCookie: { recognize(ctx: Context): string };
  listApplications(accountId: string): Promise<AllowedApplication[]>;
  listUses(filter: { accountId: string; service: string; limit: number }): Promise<ConnectionUse[]>;
  /** Counts a visit to a service, because each visit writes a row. @throws LatchkeyError rate_limited */
  countVisit(ip: string | undefined): Promise<void>;
  /** Ends the use of a service by an application. @returns whether it was allowed */
  withdraw(
    actor: { accountId: string },
    access: { accountId: string; clientId: string; service: string },
    origin: Origin,
  ): Promise<boolean>;
  navOf(user: SignedInUser, current: string): unknown;
}

const CONNECTIONS = '/account/connections';
/** How many uses the page shows. */
const MAX_SHOWN_USES = 20;

const NOTICES = new Map(
  Object.entries({
    connected: 'The account was connected.',
    renewed: 'The account was connected again.',
    disconnected: 'The account was disconnected, and what we kept of it was destroyed.',
    'disconnected-here':
      'The account was disconnected, and what we kept of it was destroyed. The service did not confirm it: remove this server in your account there, too.',
    'sign-in-on': 'You can sign in with that account from now on.',
    'sign-in-off': 'That account can no longer be used to sign in.',
    withdrawn: 'That application can no longer use your account there.',
  }),
);

/** The pages on which users connect accounts at other services, see who used them, and disconnect them. */
export function createConnectionPages(router: Router, deps: ConnectionsPageDeps): void {
  const { signedIn, services, vault, connect, showPage } = deps;

  /** @throws LatchkeyError not_found */
  async function getService(ctx: Context): Promise<Service> {
    const service = await services.findAny(String(ctx.params.service));
    if (service) return service;
    throw new LatchkeyError('not_found', 'service_not_offered', 'No such service can be connected here.', {
      back: { url: CONNECTIONS, label: 'Your connections' },
    });
  }

  router.get(
    CONNECTIONS,
    signedIn.page(async (ctx, user) => {
      const connections = await vault.list(user.accountId);
      const names = [...new Set(connections.map(({ service }) => service))];
      const found = new Map(
        await Promise.all(names.map(async (name) => [name, await services.findAny(name)] as const)),
      );
      showPage(ctx, 'account/connections', {
        title: 'Connections',
        bodyClass: 'wide',
        nav: deps.navOf(user, CONNECTIONS),
        notice: NOTICES.get(String(ctx.query.done)),
        connections: connections.map((one) => describeConnection(one, found.get(one.service))),
        services: (await services.listActive()).map((service) => ({
          ...describeService(service),
          csrf: user.csrf(`${CONNECTIONS}/${service.name}`),
        })),
        path: CONNECTIONS,
      });
    }),
  );

  async function show(ctx: Context, user: SignedInUser, service: Service, fault?: string): Promise<void> {
    const { accountId } = user;
    const { name, displayName, authUrl } = service;
    const path = `${CONNECTIONS}/${name}`;
    const connections = await vault.list(accountId, name);
    if (!service.isActive && connections.length === 0) ctx.status = 404;
    const described = connections.map((one) => describeConnection(one, service));
    const accounts = new Map(described.map(({ id, account }) => [id, account]));
    const uses = await deps.listUses({ accountId, service: name, limit: MAX_SHOWN_USES });
    allowFormTarget(ctx, authUrl);
    showPage(ctx, 'account/connection', {
      title: displayName,
      bodyClass: 'wide',
      nav: deps.navOf(user, CONNECTIONS),
      notice: NOTICES.get(String(ctx.query.done)),
      service: { ...describeService(service), isActive: service.isActive },
      connections: described,
      applications: applicationsOf(name, displayName, await deps.listApplications(accountId)),
      uses: uses.map((use) => describeUse(use, accounts)),
      faults: fault === undefined ? {} : { api_key: fault },
      actions: {
        connect: path,
        disconnect: `${path}/disconnect`,
        withdraw: `${path}/withdraw`,
        signIn: `${path}/sign-in`,
      },
      csrf: {
        connect: user.csrf(path),
        disconnect: user.csrf(`${path}/disconnect`),
        withdraw: user.csrf(`${path}/withdraw`),
        signIn: user.csrf(`${path}/sign-in`),
      },
      back: CONNECTIONS,
    });
  }

  router.get(
    `${CONNECTIONS}/:service`,
    signedIn.page(async (ctx, user) => show(ctx, user, await getService(ctx))),
  );

  async function connectByKey(
    ctx: Context,
    user: SignedInUser,
    service: Service,
    key: string,
  ): Promise<void> {
    if (key.trim() === '') return show(ctx, user, service, 'Enter your API key');
    try {
      const { isNew } = await connect.connectWithKey(service, user, key, currentUnit().origin);
      seeOther(ctx, `${CONNECTIONS}/${service.name}?done=${isNew ? 'connected' : 'renewed'}`);
    } catch (error) {
      const back = { url: `${CONNECTIONS}/${service.name}`, label: 'Try again' };
      const refusal = error instanceof UpstreamFault ? tellFault(error, service.displayName, back) : error;
      if (!(refusal instanceof LatchkeyError)) throw error;
      ctx.status = refusal.status;
      await show(ctx, user, service, refusal.message);
    }
  }

  router.post(
    `${CONNECTIONS}/:service`,
    signedIn.form(async (ctx, user, { api_key: key = '' }) => {
      const service = await getService(ctx);
      if (!service.isActive)
        throw new LatchkeyError(
          'forbidden',
          'service_disabled',
          `${service.displayName} cannot be connected now. The people who run this server have switched it off.`,
          { back: { url: CONNECTIONS, label: 'Your connections' } },
        );
      await deps.countVisit(currentUnit().origin.ip);
      if (service.authType === 'api_key') return connectByKey(ctx, user, service, key);
      const browser = deps.browserCookie.recognize(ctx);
      const destination = { kind: 'account' } as const;
      seeOther(ctx, await connect.beginVisit(service, { accountId: user.accountId, browser, destination }));
    }),
  );

  router.post(
    `${CONNECTIONS}/:service/disconnect`,
    signedIn.form(async (ctx, { accountId }, { connection = '' }) => {
      const { origin } = currentUnit();
      const ended = await deps.disconnect({ accountId, id: connection }, { actorId: accountId, origin });
      if (!ended)
        throw new LatchkeyError(
          'not_found',
          'connection_not_found',
          'You have no such connection. It may have been disconnected already.',
          { back: { url: CONNECTIONS, label: 'Your connections' } },
        );
      seeOther(ctx, `${CONNECTIONS}?done=${ended.isRevoked ? 'disconnected' : 'disconnected-here'}`);
    }),
  );

  createSignInSwitchForm(router, { ...deps, getService });

  router.post(
    `${CONNECTIONS}/:service/withdraw`,
    signedIn.form(async (ctx, { accountId }, { client = '' }) => {
      const { name } = await getService(ctx);
      const { origin } = currentUnit();
      if (!(await deps.withdraw({ accountId }, { accountId, clientId: client, service: name }, origin)))
        throw new LatchkeyError(
          'not_found',
          'connection_access_not_found',
          'This application may not use that account. It may have been taken back already.',
          { back: { url: `${CONNECTIONS}/${name}`, label: 'Go back' } },
        );
      seeOther(ctx, `${CONNECTIONS}/${name}?done=withdrawn`);
    }),
  );
}
