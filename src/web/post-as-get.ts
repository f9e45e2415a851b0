import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { readForm } from './form-body.ts';

/** What fits beside the other headers in the 16 KB that one request may have. */
const LONGEST = 12_000;

/**
 * Requests that an application may send by GET or by POST (OpenID Connect Core 1.0 section 3.1.2.1, RP-Initiated
 * Logout 1.0 section 2): a POST is answered with 303 to the same request as GET. A form of another site comes without
 * our SameSite=Lax cookies; the GET that follows has them.
 */
export function postAsGet(paths: string[]): Middleware {
  return async (ctx: Context, next) => {
    if (ctx.method !== 'POST' || !paths.includes(ctx.path)) return next();
    if (!ctx.is('application/x-www-form-urlencoded'))
      throw new LatchkeyError('invalid_input', 'form_required', 'A request by POST must be a form.');
    const query = String(new URLSearchParams(await readForm(ctx)));
    if (query.length > LONGEST)
      throw new LatchkeyError('invalid_input', 'request_too_large', 'The request is too large.');
    ctx.status = 303;
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(`${ctx.path}?${query}`);
  };
}
