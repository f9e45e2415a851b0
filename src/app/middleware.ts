import type Router from '@koa/router';
import type { Middleware } from 'koa';
import type { Driver } from '../database/driver/contract.ts';
import type { Logger } from '../kit/log.ts';
import { requestUnit } from '../oidc/request-unit.ts';
import { acceptJsonOnly, answerEndpointError, correctEngineResponses } from '../oidc/responses.ts';
import type { Assets } from '../web/assets.ts';
import { createErrorAnswer } from '../web/error-page.ts';
import { health } from '../web/health.ts';
import { postAsGet } from '../web/post-as-get.ts';
import { findRoute } from '../web/routes.ts';
import { allowFormTarget, sameOriginForms } from '../web/security.ts';
import { shell } from '../web/shell.ts';

export interface MiddlewareDeps {
  issuer: string;
  log: Logger;
  driver: Driver;
  assets: Assets;
  render(name: string, data: Record<string, unknown>): string;
  notReady(): Promise<string | undefined>;
  pages: Router;
}

/** What a request passes, in this order, before the protocol engine gets it. */
export function createMiddleware(deps: MiddlewareDeps): Middleware[] {
  const { issuer, log, render } = deps;
  const pages = deps.pages.routes();
  return [
    // The endpoints of applications answer in JSON, whatever the request accepts.
    acceptJsonOnly,
    // Request id, security headers, one line in the log; turns every error into an answer.
    shell({
      log,
      secure: issuer.startsWith('https:'),
      page: createErrorAnswer({ render, answerEndpointError }),
    }),
    // Health checks and assets need no database.
    health({ notReady: deps.notReady }),
    deps.assets.middleware,
    // Endpoints for browsers that take POST as well as GET.
    postAsGet(),
    // Forms are taken from our own pages only.
    sameOriginForms(issuer),
    // One unit of work, committed before the response leaves.
    requestUnit({ driver: deps.driver }),
    // Corrects responses of the engine.
    correctEngineResponses({
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
    // Our own pages. Every other path is the engine's.
    (ctx, next) => (findRoute(ctx.path)?.servedBy === 'pages' ? pages(ctx as never, next) : next()),
  ];
}
