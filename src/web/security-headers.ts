import type { Context, Middleware } from 'koa';
import { findRoute } from './routes.ts';

/**
 * Allows nothing inline and nothing from other sites. The engine appends the hash of its only script (for the response
 * mode form_post) to `script-src`.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const PAGE_HEADERS = Object.entries({
  'X-Frame-Options': 'DENY',
  // `no-referrer` would make our own forms send `Origin: null`.
  'Referrer-Policy': 'same-origin',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
});

/** @param options `secure`: whether the issuer is https, so that browsers may insist on it */
export function setSecurityHeaders({ secure }: { secure: boolean }): Middleware {
  return (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    if (findRoute(ctx.path)?.audience !== 'endpoint')
      for (const [name, value] of PAGE_HEADERS) ctx.set(name, value);
    if (secure) ctx.set('Strict-Transport-Security', 'max-age=63072000; includeSubDomains');
    return next();
  };
}

/** The source expression of a redirect URI: its origin, or the scheme of a native application. */
function sourceOf(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return undefined;
  return url.origin === 'null' ? url.protocol : url.origin;
}

/**
 * Lets the form on this page lead to `uri`. Browsers apply `form-action` to every redirect after a form, so consent could
 * not return to the application otherwise.
 */
export function allowFormTarget(ctx: Pick<Context, 'set' | 'response'>, uri: string | undefined): void {
  const source = uri && sourceOf(uri);
  const policy = ctx.response.get('Content-Security-Policy');
  if (source)
    ctx.set('Content-Security-Policy', policy.replace("form-action 'self'", `form-action 'self' ${source}`));
}
