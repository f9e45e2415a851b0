import type { Middleware } from 'koa';

/** `GET /healthz`: the process lives. `GET /readyz`: it can serve, or 503 with the reason. */
export function health(deps: { notReady(): Promise<string | undefined> }): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    if (ctx.path === '/healthz') {
      ctx.set('Cache-Control', 'no-store');
      ctx.body = { status: 'ok' };
    } else if (ctx.path === '/readyz') {
      const reason = await deps.notReady();
      ctx.set('Cache-Control', 'no-store');
      ctx.status = reason ? 503 : 200;
      if (reason) ctx.set('Retry-After', '2');
      ctx.body = reason ? { status: 'unavailable', reason } : { status: 'ok' };
    } else {
      await next();
    }
  };
}
