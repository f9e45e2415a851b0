import type { Middleware } from 'koa';

/** A whole URL, which clients of a forward proxy send (RFC 9112 section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * Prepares the target of a request for the steps that follow, which take a path for granted. `OPTIONS *`, and a target
 * that is no path, become a path that no route has. The host of a whole URL replaces the Host header and appears in no
 * URL of ours.
 */
export function readTarget(): Middleware {
  return (ctx, next) => {
    const [, host, rest] = ABSOLUTE_FORM.exec(ctx.url) ?? [];
    if (host !== undefined) ctx.req.headers.host = host;
    const target = rest === undefined ? ctx.url : rest.replace(/^(?!\/)/, '/');
    // A request has no fragment; Node's parser of URLs finds a `null` path in some targets that have one.
    const isPath = target === '*' || (target.startsWith('/') && !target.includes('#'));
    // RFC 9112 section 3.2: a request of HTTP/1.1 has to name the host.
    ctx.state.isMalformed = !isPath || (ctx.req.httpVersion === '1.1' && ctx.get('host') === '');
    ctx.url = isPath && target !== '*' ? target : '/*';
    // The engine makes its URLs of this one.
    ctx.originalUrl = ctx.url;
    ctx.request.originalUrl = ctx.url;
    return next();
  };
}
