import type { Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { currentUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { MAX_REQUEST_LENGTH } from './request-size.ts';

/**
 * Limits requests that are pushed (RFC 9126), before they are committed. They are no larger than others, since an
 * unfinished sign-in is kept in the browser. Anyone can push in the name of a public application, and each push writes a
 * row, so an address has a number of them.
 * @param countPush counts one for that address @throws LatchkeyError rate_limited
 */
export function limitPushedRequests(countPush: (ip: string | undefined) => Promise<void>): Middleware {
  return async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as KoaContextWithOIDC;
    if (oidc?.route !== 'pushed_authorization_request' || ctx.status !== 201) return;
    const { length } = new URLSearchParams(oidc.body as Record<string, string>).toString();
    if (length > MAX_REQUEST_LENGTH)
      throw new LatchkeyError(
        'invalid_input',
        'pushed_request_too_large',
        `The application pushed a request of ${length} characters. At most ${MAX_REQUEST_LENGTH} are allowed.`,
      );
    if (oidc.client?.clientAuthMethod === 'none') await countPush(currentUnit().origin.ip);
  };
}
