import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import {
  type EngineError,
  isSubmittingPage,
  lacksClientAuthentication,
  signOutState,
} from './engine-internals.ts';

/** Endpoints where an application speaks: the answer is never kept, and who did not authenticate hears 401. */
function clientAnswer(ctx: Context): void {
  ctx.set('Cache-Control', 'no-store');
  if (ctx.status !== 400 || !lacksClientAuthentication(Object(ctx.body) as EngineError)) return;
  ctx.status = 401;
  ctx.set('WWW-Authenticate', 'Basic realm="latchkey"');
  ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
}

/** Where an application speaks, and no person reads what is answered. */
const SPOKEN = /^\/(token|me)(\/|$)/;

/** Outermost: those hear JSON whatever they say they accept (RFC 6749 section 5.2); a page would be of no use to them. */
export const inJson: Middleware = (ctx, next) => {
  if (SPOKEN.test(ctx.path)) ctx.req.headers.accept = 'application/json';
  return next();
};

/**
 * What nobody caught, in the form that the endpoint has for errors: a sentence that is safe to show and no more.
 * @returns whether the endpoint is one of those; else nothing was set
 */
export function endpointError(ctx: Context, status: number, message: string): boolean {
  if (!SPOKEN.test(ctx.path)) return false;
  const known: Record<number, string> = { 500: 'server_error', 503: 'temporarily_unavailable' };
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: known[status] ?? 'invalid_request', error_description: message };
  return true;
}

export interface AnswerDeps {
  allowFormTarget(ctx: Context, uri: string | undefined): void;
  /** The page that stands for the engine's self-submitting form to our own sign-out. */
  continueSignOut(ctx: Context, xsrf: string): void;
}

/** What is put right of the engine's answers before they leave. */
export function answers(deps: AnswerDeps): Middleware {
  return async (ctx, next) => {
    await next();
    if (ctx.path.startsWith('/token')) return clientAnswer(ctx);
    if (!/^\/(auth|session)/.test(ctx.path) || typeof ctx.body !== 'string' || !ctx.response.is('html'))
      return;
    if (!isSubmittingPage(ctx.body)) return;
    const engineContext = ctx as unknown as KoaContextWithOIDC;
    const state = signOutState(engineContext);
    if (ctx.body.includes('/session/end/confirm') && state?.secret) deps.continueSignOut(ctx, state.secret);
    // form_post: the engine validated this URI.
    else deps.allowFormTarget(ctx, String(engineContext.oidc.params?.redirect_uri));
  };
}
