import type Router from '@koa/router';
import type { Context } from 'koa';
import { createConnectionPages } from '../account/connections.ts';
import type { FreshSignIn } from '../account/fresh-sign-in.ts';
import { createNavigation } from '../account/navigation.ts';
import type { Config } from '../config/settings.ts';
import { createConnectCallback } from '../connections/connect/callback.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import type { ShowPage } from '../web/respond.ts';
import type { SignedInPages } from '../web/signed-in-pages.ts';
import type { Services } from './services.ts';

export interface ConnectionPagesDeps {
  config: Config;
  services: Services;
  signedIn: SignedInPages;
  showPage: ShowPage;
  browserCookie: BrowserCookie;
  sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }>;
  freshSignIn: FreshSignIn;
  mayAdminister(scopes: string[]): boolean;
}

/** Registers the pages and endpoints of connections. */
export function registerConnectionPages(router: Router, deps: ConnectionPagesDeps): void {
  const { config, services, signedIn, showPage } = deps;
  const { connections, consents, limits } = services;
  createConnectionPages(router, {
    signedIn,
    showPage,
    browserCookie: deps.browserCookie,
    services: connections.services,
    vault: connections.vault,
    connect: connections.connect,
    disconnect: connections.disconnect,
    signInSwitch: connections.signInSwitch,
    freshSignIn: deps.freshSignIn,
    listUses: connections.listUses,
    listApplications: consents.listApplications,
    withdraw: consents.withdrawConnections,
    countVisit: limits.connect.countAttempt,
    navOf: createNavigation(deps.mayAdminister),
  });
  createConnectCallback(router, {
    connect: connections.connect,
    browserCookie: deps.browserCookie,
    showPage,
    sessionOf: deps.sessionOf,
    findService: connections.services.find,
    signInUrl: (page) => signInUrl(config.issuer, page),
  });
}
