import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute } from '../web/routes.ts';

/** In characters. Every response of the request carries it back in the address, of which browsers and proxies take about 8 KB. */
const MAX_STATE_LENGTH = 2048;
/** In characters, as sent. With this limit, an unfinished request fits into one cookie (storage/visitor-requests.ts). */
const MAX_QUERY_LENGTH = 3072;

function refuse(what: string, length: number, maximum: number): never {
  throw new LatchkeyError(
    'invalid_input',
    'authorization_request_too_large',
    `The application sent ${what} of ${length} characters. At most ${maximum} are allowed.`,
  );
}

/**
 * Refuses authorization requests that are too large, with an error page: the redirect URI has not been compared yet.
 * Larger ones can be pushed (RFC 9126) once this server supports that.
 */
export const limitRequestSize: Middleware = (ctx, next) => {
  if (findRoute(ctx.path)?.path !== '/auth') return next();
  const { state } = ctx.query;
  if (typeof state === 'string' && state.length > MAX_STATE_LENGTH)
    refuse('a state', state.length, MAX_STATE_LENGTH);
  if (ctx.querystring.length > MAX_QUERY_LENGTH)
    refuse('a request', ctx.querystring.length, MAX_QUERY_LENGTH);
  return next();
};
