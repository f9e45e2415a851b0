import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { issuerScope } from './issuer-scope.ts';

/** A whole URL, which clients of a forward proxy send (RFC 9112 section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/is;

const WELL_KNOWN = '/.well-known/';

/**
 * Removes the path of the issuer, if the proxy has kept it. A document of /.well-known can have it at the beginning
 * (OpenID Connect Discovery section 4) or at the end (RFC 8414 section 3.1).
 */
function withoutBase(target: string, base: string): string {
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(target) ?? [];
  const rest =
    path.startsWith(WELL_KNOWN) && path.endsWith(base)
      ? path.slice(0, path.length - base.length)
      : path === base || path.startsWith(`${base}/`)
        ? path.slice(base.length) || '/'
        : path;
  return `${rest}${query}`;
}

/**
 * RFC 9112 section 3.2: a request of HTTP/1.1 names the host, and no request names two. Node keeps the first, and a proxy in
 * front may have read another one.
 */
function isHostMalformed({ httpVersion, headers, rawHeaders }: IncomingMessage): boolean {
  const named = rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length;
  return named > 1 || (httpVersion === '1.1' && !headers.host);
}

/**
 * Prepares the target of a request for the steps that follow, which take a path for granted. `OPTIONS *`, and a target
 * that is no path, become a path that no route has. The host of a whole URL replaces the Host header and appears in no
 * URL of ours.
 */
export function readTarget(issuer: string): Middleware {
  const { base } = issuerScope(issuer);
  return (ctx, next) => {
    const [, host, rest] = ABSOLUTE_FORM.exec(ctx.url) ?? [];
    if (host !== undefined) ctx.req.headers.host = host;
    const target = rest === undefined ? ctx.url : rest.replace(/^(?!\/)/, '/');
    // A request has no fragment; Node's parser of URLs finds a `null` path in some targets that have one.
    const isPath = target === '*' || (target.startsWith('/') && !target.includes('#'));
    ctx.state.isMalformed = !isPath || isHostMalformed(ctx.req);
    ctx.url = isPath && target !== '*' ? withoutBase(target, base) : '/*';
    // The engine makes its URLs of this one.
    ctx.originalUrl = `${base}${ctx.url}`;
    ctx.request.originalUrl = ctx.originalUrl;
    return next();
  };
}
