import type Router from '@koa/router';
import type { Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import type { Config } from '../config/settings.ts';
import type { Database } from '../database/open.ts';
import { createReadiness } from '../database/readiness.ts';
import { TRUST_DAYS } from '../identity/passwords/trusted-browsers.ts';
import type { Logger } from '../kit/log.ts';
import { countUnusedRegistrations } from '../oidc/clients/registered-store.ts';
import { completeDiscovery } from '../oidc/discovery.ts';
import { completeIntrospections } from '../oidc/introspection.ts';
import { presentRegistrations } from '../oidc/registration/responses.ts';
import { admitRegistrations } from '../oidc/registration/who-may-register.ts';
import { limitRequestSize } from '../oidc/request-size.ts';
import { requestUnit } from '../oidc/request-unit.ts';
import { acceptJsonOnly, answerEndpointError, correctEngineResponses } from '../oidc/responses.ts';
import { forgetUselessProofs, limitStoredRequests } from '../oidc/stored-requests.ts';
import { traceRequests } from '../oidc/trace/observe.ts';
import { refuseOtherMethods } from '../web/allowed-methods.ts';
import type { Assets } from '../web/assets.ts';
import { limitBodies } from '../web/body-limit.ts';
import { createBrowserCookie } from '../web/browser-cookie.ts';
import { findClientAddress } from '../web/client-address.ts';
import { answerErrors } from '../web/errors.ts';
import { answerHealthChecks } from '../web/health.ts';
import { redirectToIssuer } from '../web/issuer-address.ts';
import { issuerScope } from '../web/issuer-scope.ts';
import { leaveByNavigation } from '../web/leave-by-navigation.ts';
import { serveOneSpelling } from '../web/one-spelling.ts';
import { parseQueriesInOnePass } from '../web/parse-queries.ts';
import { redirectPostToGet } from '../web/post-as-get.ts';
import { logRequests } from '../web/request-log.ts';
import { readTarget } from '../web/request-target.ts';
import type { ShowPage } from '../web/respond.ts';
import { findRoute } from '../web/routes.ts';
import { requireSameOrigin } from '../web/same-origin.ts';
import { allowAnyFormTarget, setSecurityHeaders } from '../web/security-headers.ts';
import { createConnectionProxy } from './connection-proxy.ts';
import type { Services } from './services.ts';

export interface MiddlewareDeps {
  config: Pick<Config, 'clientCertificates' | 'issuer' | 'mtlsUrl' | 'registration' | 'trustProxy'>;
  log: Logger;
  database: Database;
  assets: Assets;
  showPage: ShowPage;
  provider: Provider;
  services: {
    clients: Pick<Services['clients'], 'listScopes'>;
    connections: Services['connections'];
    wayBack: Services['wayBack'];
    limits: Services['limits'];
    resources: Pick<Services['resources'], 'find' | 'listHosted' | 'listAuthorizationTypes'>;
    traces: Pick<Services['traces'], 'record'>;
  };
  pages: Router;
  /** Whether the process is about to end, so that it should get no further requests. */
  isStopping?(): boolean;
}

/** Each method by which the router of pages serves a path. */
const methodsOfPage = (pages: Router, path: string): string[] => [
  ...new Set(pages.match(path, 'GET').path.flatMap(({ methods }) => methods)),
];

/** The steps that a request goes through, in this order, before it reaches the protocol engine. */
export function createMiddleware(deps: MiddlewareDeps): Middleware[] {
  const { config, log, database, showPage } = deps;
  const { issuer } = config;
  const pages = deps.pages.routes();
  parseQueriesInOnePass(deps.provider as never);
  return [
    // Gives every request a valid path, which all later steps need.
    readTarget(issuer),
    // Endpoints for applications answer in JSON, whatever the request accepts.
    acceptJsonOnly,
    findClientAddress(config.trustProxy),
    // Gives the request an id, and logs one line about it.
    logRequests(log),
    setSecurityHeaders({ secure: issuer.startsWith('https:') }),
    // Turns every error of the following steps into a response.
    answerErrors({ log, showPage, answerEndpointError }),
    // Redirects to the small letters of a path.
    serveOneSpelling(issuer),
    // Refuses methods that a path does not have.
    refuseOtherMethods((route, path) =>
      route.servedBy === 'pages' ? methodsOfPage(deps.pages, path) : route.methods,
    ),
    // Passes calls on to services that people have connected. It limits their bodies itself, and they need no unit of work.
    createConnectionProxy({ ...deps.services, issuer, driver: database.driver, provider: deps.provider }),
    // Refuses bodies that are too large.
    limitBodies,
    // Health checks and assets need no unit of work.
    answerHealthChecks({ notReady: createReadiness(database, log), isStopping: deps.isStopping }),
    deps.assets.middleware,
    // Redirects requests for pages at any other address to the issuer's.
    redirectToIssuer(issuer, log),
    // Some endpoints for browsers accept POST as well as GET.
    redirectPostToGet(),
    // Rejects forms that were sent from other sites.
    requireSameOrigin(issuer),
    // After a form, shows a page that goes on to the application: the CSP would block a redirect there.
    leaveByNavigation({ issuer, showPage }),
    // Records the step of an attempt to connect, once the response is decided.
    traceRequests(deps.services.traces.record, log),
    // Opens a unit of work, which is committed before the response is sent.
    requestUnit({
      driver: database.driver,
      secure: issuer.startsWith('https:'),
      browserCookie: createBrowserCookie({ scope: issuerScope(issuer), days: TRUST_DAYS }),
      findWayBack: (ctx) => deps.services.wayBack.find(ctx, deps.provider),
    }),
    // Rejects authorization requests that are too large.
    limitRequestSize(deps.provider),
    // Counts requests that were pushed or came from a device, before they are committed.
    limitStoredRequests(deps.services.limits),
    forgetUselessProofs,
    // Answers applications that register themselves, once it was decided whether they may.
    presentRegistrations,
    admitRegistrations({
      mode: config.registration.mode,
      countRegistration: deps.services.limits.registration.countAttempt,
      countUnused: () => countUnusedRegistrations(database.knex),
    }),
    // Corrects what the engine's responses get wrong.
    correctEngineResponses({
      allowAnyFormTarget,
      continueSignOut(ctx, xsrf) {
        showPage(ctx, 'sign-out/continue', {
          title: 'Continue',
          heading: 'Continue with the other account',
          text: 'You are about to leave the account that was signed in here before.',
          action: '/session/end/confirm',
          fields: { xsrf, logout: 'yes' },
          button: 'Continue',
        });
      },
    }),
    // Add to the engine's documents what it does not know.
    completeDiscovery({
      listScopes: deps.services.clients.listScopes,
      listResources: deps.services.resources.listHosted,
      listAuthorizationTypes: deps.services.resources.listAuthorizationTypes,
      config,
    }),
    completeIntrospections(deps.services.resources.find),
    // Our own pages. Every other path is the engine's.
    (ctx, next) => (findRoute(ctx.path)?.servedBy === 'pages' ? pages(ctx as never, next) : next()),
  ];
}
