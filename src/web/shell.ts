import { randomUUID } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { ErrorAnswer } from './error-page.ts';
import { findRoute } from './routes.ts';
import { CONTENT_SECURITY_POLICY } from './security.ts';

/** Ids and codes stand in paths: only the shape of a path is logged, never its query. */
function shape(path: string): string {
  return path.replace(/[A-Za-z0-9_~-]{20,}/g, ':id').slice(0, 200);
}

/** A NUL or a broken percent-encoding is nobody's mistake. */
function isBroken(url: string): boolean {
  try {
    return decodeURIComponent(url.replaceAll('+', ' ')).includes('\0');
  } catch {
    return true;
  }
}

const PAGE_HEADERS = Object.entries({
  'X-Frame-Options': 'DENY',
  // `no-referrer` would make our own forms send `Origin: null`.
  'Referrer-Policy': 'same-origin',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
});

type AnswerError = (ctx: Context, answer: ErrorAnswer) => void;

const NOT_FOUND = { status: 404, code: 'page_not_found', message: 'There is no such page.' };
const MALFORMED = { code: 'request_malformed', message: 'The request could not be understood.' };
const INTERNAL = { code: 'internal_error', message: 'Something went wrong on our side.' };

/** @returns the code of the error, for the log */
function answerError(ctx: Context, error: unknown, page: AnswerError): string {
  const known = error instanceof LatchkeyError ? error : undefined;
  const thrown = (error as { status?: number }).status;
  const status = known?.status ?? (thrown && thrown < 500 ? thrown : 500);
  ctx.remove('Set-Cookie');
  ctx.remove('Location');
  const retryAfter = known?.retryAfter ?? (status === 503 ? 2 : undefined);
  if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
  const { code, message } = known ?? (status < 500 ? MALFORMED : INTERNAL);
  page(ctx, { status, code, message });
  return code;
}

/**
 * Around every request: an id, the security headers, one line of the log, and a page for what nobody caught.
 */
export function shell(deps: { log: Logger; secure: boolean; page: AnswerError }): Middleware {
  return async (ctx, next) => {
    const started = performance.now();
    let code: string | undefined;
    const requestId = randomUUID();
    ctx.state.requestId = requestId;
    ctx.set('X-Request-Id', requestId);
    ctx.set('X-Content-Type-Options', 'nosniff');
    if (findRoute(ctx.path)?.audience !== 'endpoint')
      for (const [name, value] of PAGE_HEADERS) ctx.set(name, value);
    if (deps.secure) ctx.set('Strict-Transport-Security', 'max-age=63072000; includeSubDomains');
    try {
      if (isBroken(ctx.url))
        throw new LatchkeyError(
          'invalid_input',
          'address_malformed',
          'The address has characters that are not allowed.',
        );
      await next();
      if (ctx.status === 404 && ctx.body === undefined) {
        code = NOT_FOUND.code;
        deps.page(ctx, NOT_FOUND);
      }
    } catch (error) {
      code = answerError(ctx, error, deps.page);
      if (ctx.status >= 500) deps.log.error({ request_id: requestId, err: error });
    }
    const ms = Math.round(performance.now() - started);
    deps.log.info({
      request_id: requestId,
      method: ctx.method,
      path: shape(ctx.path),
      status: ctx.status,
      code,
      ms,
    });
  };
}
