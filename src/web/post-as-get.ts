import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { readForm } from './form-body.ts';
import { seeOther } from './respond.ts';
import { findRoute } from './routes.ts';

/** What fits beside the other headers in the 16 KB that one request may have. */
const LONGEST = 12_000;

/**
 * Answers a POST of a route with `form: 'as-get'` by a redirect to the same request as GET. A form of another site
 * comes without our SameSite=Lax cookies; the GET that follows has them.
 */
export function postAsGet(): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || findRoute(ctx.path)?.form !== 'as-get') return next();
    if (!ctx.is('application/x-www-form-urlencoded'))
      throw new LatchkeyError(
        'invalid_input',
        'form_required',
        'A POST request must be a form (application/x-www-form-urlencoded).',
      );
    const query = String(new URLSearchParams(await readForm(ctx)));
    if (query.length > LONGEST)
      throw new LatchkeyError('invalid_input', 'request_too_large', 'The request is too large.');
    seeOther(ctx, `${ctx.path}?${query}`);
  };
}
