import type { Context, Middleware } from 'koa';
import { isOutcomeUnknown, LatchkeyError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { ShowPage } from './respond.ts';

/** By the code of the error, or else by its status. */
const HEADINGS: Record<number | string, string> = {
  outcome_unknown: 'It is not known whether this was saved',
  403: 'Nothing was changed',
  404: 'Page not found',
  409: 'Nothing was changed',
  413: 'Nothing was changed',
  429: 'Too many attempts',
  503: 'This server is not available right now',
};

const NOT_FOUND = { code: 'page_not_found', message: 'There is no such page.' };
const MALFORMED = { code: 'request_malformed', message: 'The request could not be understood.' };
const INTERNAL = { code: 'internal_error', message: 'Something went wrong on our side.' };

/** Seconds after which a client may try again when the database is unavailable. */
const RETRY_AFTER = 2;

/** A page that says what happened and what to do next, with the id that finds the request in the log. */
export function showError(
  ctx: Context,
  showPage: ShowPage,
  words: { heading: string; lede: string; advice?: string; back?: { url: string; label: string } },
): void {
  showPage(ctx, 'error', {
    ...words,
    title: words.heading,
    reference: ctx.state.requestId,
    time: new Date(),
  });
}

/** Whether the address has a NUL or a broken percent-encoding, which no browser or application sends by mistake. */
function isMalformed(url: string): boolean {
  try {
    return decodeURIComponent(url.replaceAll('+', ' ')).includes('\0');
  } catch {
    return true;
  }
}

function assertWellFormed({ url, state }: Context): void {
  if (state.isMalformed || isMalformed(url))
    throw new LatchkeyError(
      'invalid_input',
      'address_malformed',
      'The address has characters that are not allowed.',
    );
}

export interface ErrorDeps {
  log: Logger;
  showPage: ShowPage;
  /** Answers at protocol endpoints, which have their own error format. @returns false for other paths */
  answerEndpointError(ctx: Context, status: number, message: string): boolean;
}

/**
 * Turns every error that the later steps throw into a response: a page for browsers, `application/problem+json`
 * (RFC 9457) for other clients. Everything that is not a LatchkeyError is a 500, and its stack is only in the log.
 */
export function answerErrors(deps: ErrorDeps): Middleware {
  function answer(ctx: Context, status: number, { code, message }: { code: string; message: string }): void {
    ctx.state.errorCode = code;
    if (deps.answerEndpointError(ctx, status, message)) return;
    ctx.status = status;
    if (ctx.accepts('html', 'json') === 'html') {
      const heading = HEADINGS[code] ?? HEADINGS[status] ?? 'This request could not be completed';
      showError(ctx, deps.showPage, { heading, lede: message });
      return;
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { type: 'about:blank', title: message, status, code };
    ctx.type = 'application/problem+json';
  }

  function answerThrown(ctx: Context, error: unknown): void {
    const known = error instanceof LatchkeyError ? error : undefined;
    const thrown = (error as { status?: number }).status;
    const status = known?.status ?? (thrown && thrown < 500 ? thrown : 500);
    // Whatever the failed step wanted to do, the response must not do half of it.
    ctx.remove('Set-Cookie');
    ctx.remove('Location');
    const isRepeatable = status === 503 && !isOutcomeUnknown(error);
    const retryAfter = known?.retryAfter ?? (isRepeatable ? RETRY_AFTER : undefined);
    if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
    answer(ctx, status, known ?? (status < 500 ? MALFORMED : INTERNAL));
    if (status >= 500) deps.log.error({ request_id: ctx.state.requestId, err: error });
  }

  return async (ctx, next) => {
    try {
      assertWellFormed(ctx);
      await next();
      if (ctx.status === 404 && ctx.body === undefined) answer(ctx, 404, NOT_FOUND);
    } catch (error) {
      answerThrown(ctx, error);
    }
  };
}
