import type { Context, Middleware } from 'koa';

/**
 * `GET /healthz` answers 200 as long as the process runs. `GET /readyz` answers 200 when it can serve requests, otherwise
 * 503 with the reason. `database/readiness.ts` decides.
 */
export function answerHealthChecks(deps: {
  notReady(): Promise<string | undefined>;
  isStopping?(): boolean;
}): Middleware {
  async function ready(ctx: Context): Promise<void> {
    const reason = deps.isStopping?.() ? 'The server is stopping.' : await deps.notReady();
    ctx.status = reason ? 503 : 200;
    if (reason) ctx.set('Retry-After', '2');
    ctx.body = reason ? { status: 'unavailable', reason } : { status: 'ok' };
  }
  return (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    ctx.set('Cache-Control', 'no-store');
    if (ctx.path === '/readyz') return ready(ctx);
    ctx.body = { status: 'ok' };
  };
}
