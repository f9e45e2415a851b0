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
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
});

function setPageHeaders(ctx: Context): void {
  for (const [name, value] of PAGE_HEADERS) ctx.set(name, value);
}

/** HSTS, for two years (RFC 6797). */
export const STRICT_TRANSPORT_SECURITY = 'max-age=63072000; includeSubDomains';

/** @param options `secure`: whether the issuer is https, so that browsers may insist on it */
export function setSecurityHeaders({ secure }: { secure: boolean }): Middleware {
  return async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    const route = findRoute(ctx.path);
    const isEndpoint = route?.audience === 'endpoint';
    if (!isEndpoint) setPageHeaders(ctx);
    if (route?.isIsolated) ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    if (secure) ctx.set('Strict-Transport-Security', STRICT_TRANSPORT_SECURITY);
    await next();
    // A redirect, for example, has a short page for browsers.
    if (isEndpoint && ctx.response.is('html')) setPageHeaders(ctx);
  };
}

/** A scheme, or an origin. It has no character that means something in a policy, such as a semicolon. */
const SOURCE = /^[a-z][a-z0-9+.-]*:(\/\/[a-z0-9._:[\]-]+)?$/;

/** The source expression of a redirect URI: its origin, or the scheme of a native application. */
function sourceOf(uri: string): string | undefined {
  const url = URL.parse(uri);
  const source = url?.origin === 'null' ? url.protocol : url?.origin;
  return source && SOURCE.test(source) ? source : undefined;
}

/**
 * Lets the form on this page lead to `uri`, for browsers without Fetch Metadata: `leaveByNavigation` does not recognize
 * their forms, and they hold `form-action` against the redirect that follows.
 */
export function allowFormTarget(ctx: Context, uri: string | undefined): void {
  const source = uri && sourceOf(uri);
  if (source && ctx.get('sec-fetch-mode') === '') replaceFormAction(ctx, `form-action 'self' ${source}`);
}

/**
 * For the page that only submits the form of the response mode form_post. Its target is registered, but the application
 * may redirect from there to any of its sites.
 */
export function allowAnyFormTarget(ctx: Context): void {
  replaceFormAction(ctx, '');
}

function replaceFormAction(ctx: Context, directive: string): void {
  // A function, because a `$` in a string stands for parts of what is replaced.
  const policy = ctx.response.get('Content-Security-Policy').replace("form-action 'self'", () => directive);
  ctx.set('Content-Security-Policy', policy);
}
