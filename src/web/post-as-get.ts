import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { readForm } from './form-body.ts';
import { seeOther } from './respond.ts';
import { findRoute } from './routes.ts';

/** Leaves room for the other headers: together, they may have 16 KB. */
const MAX_QUERY_LENGTH = 12_000;

/**
 * Answers a POST to a route with `form: 'as-get'` by redirecting to the same request as GET. A browser leaves
 * SameSite=Lax cookies out of a cross-site POST, but sends them with a top-level GET.
 */
export function redirectPostToGet(): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || findRoute(ctx.path)?.form !== 'as-get') return next();
    const isEmpty = ctx.get('Content-Length') === '0';
    if (!isEmpty && !ctx.is('application/x-www-form-urlencoded'))
      throw new LatchkeyError(
        'invalid_input',
        'form_required',
        'A POST request must be a form (application/x-www-form-urlencoded).',
      );
    const query = isEmpty ? '' : String(new URLSearchParams(await readForm(ctx)));
    if (query.length > MAX_QUERY_LENGTH)
      throw new LatchkeyError(
        'too_large',
        'query_too_large',
        `The form has ${query.length} characters. At most ${MAX_QUERY_LENGTH} are allowed.`,
      );
    seeOther(ctx, query === '' ? ctx.path : `${ctx.path}?${query}`);
  };
}
