import type { Context, Middleware } from 'koa';
import type { Driver } from '../database/driver/contract.ts';
import { toUnavailable } from '../database/driver/failures.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { isOutcomeUnknown, LatchkeyError, outcomeUnknown, toRepeatable } from '../kit/errors.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { COOKIE_FLAGS } from '../web/cookie-flags.ts';
import { addressOf } from '../web/ip-address.ts';
import { UNEXPECTED_ERROR } from './events.ts';
import { answerFailedGuard, withdrawResponse } from './failed-guards.ts';
import { setRequestCookies } from './storage/visitor-requests.ts';
import type { FindWayBack } from './way-back.ts';

const isUnavailable = (error: unknown) => error instanceof LatchkeyError && error.kind === 'unavailable';

/** A request that only reads can be repeated. Any other can be if nothing of it was committed. */
function describeFailure(ctx: Context, { failure, hasCommittedPart }: UnitOfWork): LatchkeyError {
  const { cause } = failure as LatchkeyError;
  if (['GET', 'HEAD'].includes(ctx.method)) return toRepeatable(failure) as LatchkeyError;
  return hasCommittedPart ? outcomeUnknown(cause) : (failure as LatchkeyError);
}

/** Answers applications with JSON. @throws the failure, for browsers, which get a page */
function answerUnavailable(ctx: Context, failure: LatchkeyError): void {
  withdrawResponse(ctx);
  if (ctx.accepts('json', 'html') === 'html') throw failure;
  ctx.status = 503;
  if (!isOutcomeUnknown(failure)) ctx.set('Retry-After', '2');
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: 'temporarily_unavailable', error_description: failure.message };
}

/** Discards the writes of a request in which the engine met an unexpected error, and the session cookie it set. */
function discardBroken(ctx: Context, unit: UnitOfWork): void {
  if (!unit.memory.has(UNEXPECTED_ERROR)) return;
  unit.discardWrites();
  ctx.remove('Set-Cookie');
  // Clients are read outside the unit. If that failed, this is the only trace of it.
  unit.failure ??= unit.memory.get(UNEXPECTED_ERROR);
}

/**
 * Gives each request a unit of work and commits it before the response leaves. What a client was sent is thus still
 * there after a crash, and what was not committed was never sent.
 * @param deps `secure`: whether the issuer is https
 */
export function requestUnit(deps: {
  driver: Driver;
  secure: boolean;
  browserCookie: Pick<BrowserCookie, 'find' | 'recognize'>;
  findWayBack: FindWayBack;
}): Middleware {
  return async (ctx, next) => {
    const unit = new UnitOfWork(deps.driver, {
      ip: addressOf(ctx.ip),
      userAgent: ctx.get('user-agent') || undefined,
      requestId: ctx.state.requestId,
    });
    setRequestCookies(unit, {
      read: (name) => ctx.cookies.get(name, { signed: false }),
      write(name, value, { path, seconds }) {
        const options = { ...COOKIE_FLAGS, secure: deps.secure, signed: false };
        ctx.cookies.set(name, value, { ...options, path, maxAge: seconds * 1000, overwrite: true });
      },
      findBrowser: () => deps.browserCookie.find(ctx),
      recognizeBrowser: () => deps.browserCookie.recognize(ctx),
    });
    ctx.state.unit = unit;
    await withUnit(unit, async () => {
      try {
        await next();
        discardBroken(ctx, unit);
        const failedGuard = await unit.commit();
        ctx.state.failedGuard = failedGuard;
        if (failedGuard) await answerFailedGuard(ctx, unit, failedGuard, deps.findWayBack);
      } catch (error) {
        unit.discardWrites();
        unit.failure ??= toUnavailable(error);
        if (!isUnavailable(unit.failure)) throw error;
      }
      // Whatever the response is by now, its writes were not committed.
      if (isUnavailable(unit.failure)) answerUnavailable(ctx, describeFailure(ctx, unit));
    });
  };
}
