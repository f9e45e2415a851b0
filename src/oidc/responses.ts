import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { seeOther } from '../web/respond.ts';
import { findRoute } from '../web/routes.ts';
import type { EngineClient } from './clients/client-document.ts';
import {
  type EngineError,
  isGrantTypeRefused,
  isSubmittingPage,
  lacksClientAuthentication,
} from './engine/errors.ts';
import { signOutState } from './engine/internals.ts';

/** Whether applications call this path, and no browser shows it. */
function isClientEndpoint({ path }: Context): boolean {
  const route = findRoute(path);
  return route?.servedBy === 'engine' && route.audience === 'endpoint';
}

/**
 * Makes the endpoints of applications answer in JSON whatever the request accepts (RFC 6749 section 5.2). It has to
 * be the outermost middleware, since errors are answered by the Accept header too. Accepts an empty body of any type.
 */
export const acceptJsonOnly: Middleware = (ctx, next) => {
  if (isClientEndpoint(ctx)) {
    ctx.state.acceptedType = ctx.get('Accept');
    ctx.req.headers.accept = 'application/json';
    // The type of an empty body says nothing, and the engine would refuse it.
    if (ctx.get('Content-Length') === '0') delete ctx.req.headers['content-type'];
  }
  return next();
};

/**
 * Answers an error that nothing else has handled in the form of RFC 6749 section 5.2.
 * @param message safe to show to anyone
 * @returns false, with nothing set, when the path is not an endpoint of applications
 */
export function answerEndpointError(ctx: Context, status: number, message: string): boolean {
  if (!isClientEndpoint(ctx)) return false;
  const codes: Record<number, string> = { 500: 'server_error', 503: 'temporarily_unavailable' };
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: codes[status] ?? 'invalid_request', error_description: message };
  return true;
}

/**
 * Forbids caching, and answers 401 to a client that presented no credentials, where the engine answers 400. Clients that
 * read every response as JSON get an object from revocation, whose content has no meaning (RFC 7009 section 2.2).
 */
function correctTokenResponse(ctx: Context): void {
  ctx.set('Cache-Control', 'no-store');
  if (ctx.status === 200 && ctx.body === '') ctx.body = {};
  if (ctx.status === 400 && isGrantTypeRefused(Object(ctx.body) as EngineError))
    ctx.body = { ...Object(ctx.body), error: 'unauthorized_client' };
  if (ctx.status !== 400 || !lacksClientAuthentication(Object(ctx.body) as EngineError)) return;
  ctx.status = 401;
  ctx.set('WWW-Authenticate', 'Basic realm="latchkey"');
  ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
}

export interface ResponseDeps {
  /** Takes the limit on form targets out of the Content-Security-Policy of this response. */
  allowAnyFormTarget(ctx: Context): void;
  /** Renders our own page in place of the engine's form that signs out the other account. */
  continueSignOut(ctx: Context, xsrf: string): void;
}

/**
 * Nobody is signed in, so there is nothing to sign out of: the browser goes at once where it would go afterwards. The
 * engine has compared the URI with the registered ones. Its form would need a session to be stored first. An address that
 * anyone could register is not visited: this would be an open redirector (RFC 9700 section 4.11).
 */
function answerSignedOut(ctx: Context, engineContext: KoaContextWithOIDC): void {
  const { postLogoutRedirectUri, state } = signOutState(engineContext) ?? {};
  ctx.remove('Set-Cookie');
  const client = engineContext.oidc.client as unknown as EngineClient | undefined;
  const target = client && isVetted(client) ? URL.parse(postLogoutRedirectUri ?? '') : null;
  if (target && state !== undefined) target.searchParams.set('state', state);
  seeOther(ctx, target?.href ?? '/session/end/success');
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Names a request for the logs of both sides, as FAPI 1.0 Baseline section 6.2.1 asks of the APIs of a FAPI application, and
 * the CIBA profile through it: by the id that the application has sent, or else by that of the request. The request log has it.
 */
function nameInteraction(ctx: Context): void {
  const { client } = (ctx as unknown as KoaContextWithOIDC).oidc ?? {};
  if (!(client as EngineClient | undefined)?.fapi) return;
  const sent = ctx.get('x-fapi-interaction-id');
  if (UUID.test(sent)) ctx.state.interactionId = sent;
  ctx.set('x-fapi-interaction-id', ctx.state.interactionId ?? ctx.state.requestId);
}

/**
 * Corrects what the engine answers:
 * - `/me`: the header `x-fapi-interaction-id` for FAPI applications.
 * - `/token…`: no caching, and 401 for missing credentials.
 * - A page that submits itself after a sign-out without a session: redirect to where signing out ends.
 * - A page that submits itself to sign out another account: our own page.
 * - A page that submits itself to the application (response_mode=form_post): its target in the Content-Security-Policy.
 */
export function correctEngineResponses(deps: ResponseDeps): Middleware {
  return async (ctx, next) => {
    await next();
    if (/^\/token(\/|$)/.test(ctx.path)) return correctTokenResponse(ctx);
    const { body, path } = ctx;
    if (path === '/me') return nameInteraction(ctx);
    if (!/^\/(auth|device|session)(\/|$)/.test(path) || typeof body !== 'string' || !ctx.response.is('html'))
      return;
    if (!isSubmittingPage(body)) return;
    const engineContext = ctx as unknown as KoaContextWithOIDC;
    const secret = signOutState(engineContext)?.secret;
    // The engine found no session to sign out of.
    if (path.startsWith('/session/end')) answerSignedOut(ctx, engineContext);
    // An authorization request for another account than the one that is signed in.
    else if (body.includes('/session/end/confirm') && secret) deps.continueSignOut(ctx, secret);
    // response_mode=form_post: the engine has compared this URI with the registered ones.
    else deps.allowAnyFormTarget(ctx);
  };
}
