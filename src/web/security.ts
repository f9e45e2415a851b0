import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute } from './routes.ts';

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

const FORM_TYPES = { 'same-origin': 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Stops forms of other sites (RFC 9700 section 4.7 covers the authorization endpoint; this covers our own pages).
 * Browsers send the origin of every POST. The content type is checked too: no form of another site can send JSON.
 */
export function sameOriginForms(issuer: string): Middleware {
  return (ctx, next) => {
    const form = ctx.method === 'POST' ? findRoute(ctx.path)?.form : undefined;
    if (form === 'same-origin' || form === 'json') {
      const origin = ctx.get('origin');
      const site = ctx.get('sec-fetch-site');
      const isForeign = (origin !== '' && origin !== issuer) || (site !== '' && site !== 'same-origin');
      if (isForeign || !ctx.is(FORM_TYPES[form]))
        throw new LatchkeyError(
          'forbidden',
          'form_from_elsewhere',
          'This form was sent from another site. Go back, reload the page and try again.',
        );
    }
    return next();
  };
}
