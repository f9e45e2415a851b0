import type { Context, Middleware } from 'koa';
import { digest } from '../kit/ids.ts';
import type { Logger } from '../kit/log.ts';
import { seeOther } from './respond.ts';
import { findRoute } from './routes.ts';

/** A browser that asks again within this time was redirected to where it already is. */
const REPEAT_MS = 5000;
/** How long a host counts as one that a proxy makes up. */
const REMEMBER_MS = 600_000;
const MAX_REMEMBERED = 1000;

/** Keys that are forgotten after `ms`, and the oldest ones before that when there are too many. */
function createShortMemory(ms: number) {
  const times = new Map<string, number>();
  return {
    add(key: string): void {
      times.delete(key);
      times.set(key, performance.now());
      const [oldest = ''] = times.keys();
      if (times.size > MAX_REMEMBERED) times.delete(oldest);
    },
    has: (key: string) => performance.now() - (times.get(key) ?? -ms) < ms,
  };
}

/**
 * The name in the address bar, as far as it is known: a proxy may replace `Host` and keep it in X-Forwarded-Host. The port
 * does not count: several servers of one issuer may have ports of their own behind a balancer.
 */
function hostOf(ctx: Context, protocol: string): string | undefined {
  const [host = ''] = (ctx.get('x-forwarded-host') || ctx.get('host')).split(',');
  return URL.parse(`${protocol}//${host.trim()}`)?.hostname;
}

/**
 * Redirects to the issuer's address when a page was opened under another name of this server, such as 127.0.0.1 for
 * localhost. Cookies, passkeys and forms work at the issuer's address alone.
 *
 * A proxy may send a host of its own, whatever the address bar says. Then the redirect leads to the same request again:
 * that one is answered, and so is every later one with that host.
 */
export function redirectToIssuer(issuer: string, log: Logger): Middleware {
  const { hostname: right, protocol } = new URL(issuer);
  const redirected = createShortMemory(REPEAT_MS);
  const rewritten = createShortMemory(REMEMBER_MS);
  return (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    if (findRoute(ctx.path)?.audience !== 'page') return next();
    const host = hostOf(ctx, protocol);
    if (host === undefined || host === right || rewritten.has(host)) return next();
    const key = digest(`${host} ${ctx.ip} ${ctx.url}`);
    if (redirected.has(key)) {
      rewritten.add(host);
      log.warn({ event: 'host_rewritten', host, advice: 'Let the proxy pass on the Host header.' });
      return next();
    }
    redirected.add(key);
    seeOther(ctx, `${issuer}${ctx.url}`);
  };
}
