import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import { currentUnit, withUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute } from '../web/routes.ts';

/** The longest `state`, in characters. The response to the request carries it back in an address, of which browsers and proxies take about 8 KB. */
const MAX_STATE_LENGTH = 2048;
/** The longest request, in characters as sent. With this limit, an unfinished request fits into one cookie (storage/visitor-requests.ts). */
export const MAX_REQUEST_LENGTH = 3072;

/**
 * Refuses authorization requests that are too large, with an error page: the redirect URI has not been compared yet.
 * The engine never sees the request, so the refusal is recorded here, in a separate unit of work: the unit of the request
 * is discarded. `stored-requests.ts` limits stored requests.
 */
export function limitRequestSize(provider: Provider): Middleware {
  async function refuseSize(ctx: Context, what: string, length: number, maximum: number): Promise<never> {
    const message = `The application sent ${what} of ${length} characters. At most ${maximum} are allowed.`;
    const unit = currentUnit().createSibling();
    await withUnit(unit, async () => {
      // A metadata document may be missing.
      const client = await provider.Client.find(String(ctx.query.client_id)).catch(() => undefined);
      const refused = { state: ctx.state, oidc: { client, params: {}, entities: {} } };
      const error = { error: 'invalid_request', error_description: message };
      provider.emit('authorization.error', refused as never, error as never);
      await unit.commit();
    });
    throw new LatchkeyError('invalid_input', 'authorization_request_too_large', message);
  }

  return async (ctx, next) => {
    if (findRoute(ctx.path)?.path !== '/auth') return next();
    const { state } = ctx.query;
    if (typeof state === 'string' && state.length > MAX_STATE_LENGTH)
      await refuseSize(ctx, 'a state', state.length, MAX_STATE_LENGTH);
    if (ctx.querystring.length > MAX_REQUEST_LENGTH)
      await refuseSize(ctx, 'a request', ctx.querystring.length, MAX_REQUEST_LENGTH);
    return next();
  };
}
