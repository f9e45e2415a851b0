import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';

/**
 * Nothing inline and nothing from elsewhere. The engine appends the hash of its one script (form_post) to
 * `script-src`.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** The source expression of a redirect URI: its origin, or the scheme of a native application. */
function sourceOf(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return undefined;
  return url.origin === 'null' ? url.protocol : url.origin;
}

/** Browsers hold `form-action` against every redirect that follows a form: this response's may lead to `uri`. */
export function allowFormTarget(ctx: Pick<Context, 'set' | 'response'>, uri: string | undefined): void {
  const source = uri && sourceOf(uri);
  const policy = ctx.response.get('Content-Security-Policy');
  if (source)
    ctx.set('Content-Security-Policy', policy.replace("form-action 'self'", `form-action 'self' ${source}`));
}

/**
 * Stops forms of other sites (RFC 9700 section 4.7 speaks of the authorization endpoint; this is for our pages):
 * a browser always says where a POST comes from, and only a plain form is taken; on `jsonPaths` only JSON, which no
 * form of another site can send.
 */
export function sameOriginForms(deps: { issuer: string; paths: RegExp; jsonPaths: RegExp }): Middleware {
  return (ctx, next) => {
    const isJson = deps.jsonPaths.test(ctx.path);
    if (ctx.method === 'POST' && (isJson || deps.paths.test(ctx.path))) {
      const origin = ctx.get('origin');
      const site = ctx.get('sec-fetch-site');
      const foreign = (origin !== '' && origin !== deps.issuer) || (site !== '' && site !== 'same-origin');
      if (foreign || !ctx.is(isJson ? 'application/json' : 'application/x-www-form-urlencoded')) {
        throw new LatchkeyError(
          'forbidden',
          'form_from_elsewhere',
          'This form was sent from elsewhere. Go back, load the page again and repeat it.',
        );
      }
    }
    return next();
  };
}
