import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';

/** What the engine calls a malformed request where the caller just did not authenticate (RFC 6749 section 5.2). */
const NOT_AUTHENTICATED = new Set([
  'no client authentication mechanism provided',
  'client_secret must be provided in the Authorization header',
]);

interface ErrorBody {
  error?: string;
  error_description?: string;
}

/** Endpoints where an application speaks: the answer is never kept, and who did not authenticate hears 401. */
function clientAnswer(ctx: Context): void {
  ctx.set('Cache-Control', 'no-store');
  const body = ctx.body as ErrorBody | undefined;
  if (ctx.status !== 400 || !NOT_AUTHENTICATED.has(body?.error_description ?? '')) return;
  ctx.status = 401;
  ctx.set('WWW-Authenticate', 'Basic realm="latchkey"');
  ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
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
    if (!ctx.body.includes('<title>Submitting Callback</title>')) return;
    const { oidc } = ctx as unknown as KoaContextWithOIDC;
    const state = oidc.session?.state as { secret?: string } | undefined;
    if (ctx.body.includes('/session/end/confirm') && state?.secret) deps.continueSignOut(ctx, state.secret);
    // form_post: the engine validated this URI.
    else deps.allowFormTarget(ctx, String(oidc.params?.redirect_uri));
  };
}
