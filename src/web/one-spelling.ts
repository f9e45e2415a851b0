import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { issuerScope } from './issuer-scope.ts';
import { seeOther } from './respond.ts';
import { spell } from './routes.ts';

/**
 * Serves each path in one spelling. The routers ignore the case of letters, and a proxy in front does not: `/ADMIN` would go
 * around its rule for `/admin`. A browser that is sent to `/Device` is led to `/device`.
 */
export function serveOneSpelling(issuer: string): Middleware {
  const { base } = issuerScope(issuer);
  return (ctx, next) => {
    const path = spell(ctx.path);
    if (path === ctx.path) return next();
    if (ctx.method === 'GET' || ctx.method === 'HEAD') return seeOther(ctx, `${base}${path}${ctx.search}`);
    throw new LatchkeyError('not_found', 'other_spelling', `There is nothing at this address. Use ${path}.`);
  };
}
