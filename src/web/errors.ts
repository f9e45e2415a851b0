import type { Context, Middleware } from 'koa';
import { isOutcomeUnknown, LatchkeyError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { ShowPage } from './respond.ts';
import { findRoute } from './routes.ts';

/** The heading of an error page, by the code of the error, or else by its status. */
const HEADINGS: Record<number | string, string> = {
  interaction_ended: 'This sign-in has ended',
  outcome_unknown: 'It is not known whether this was saved',
  password_changed_concurrently: 'You were not signed in',
  credential_removed_concurrently: 'You were not signed in',
  link_ended_concurrently: 'You were not signed in',
  sign_in_ended_concurrently: 'You were not signed in',
  403: 'You cannot do this',
  404: 'Page not found',
  405: 'This page cannot be opened by itself',
  409: 'This could not be completed',
  413: 'This request is too large',
  429: 'Too many attempts',
  503: 'This server is not available right now',
};

const NOT_FOUND = { code: 'page_not_found', message: 'There is no such page.' };
const MALFORMED = { code: 'request_malformed', message: 'The request could not be understood.' };
const INTERNAL = { code: 'internal_error', message: 'Something went wrong on our side.' };

/** People can do nothing with a reference to these: the page says all there is to know. */
const WITHOUT_REFERENCE = new Set([404, 405, 413, 429]);

/** When a client may try again if the database is unavailable. */
const RETRY_AFTER_SECONDS = 2;

/** Where to go on from an error on one of our own pages. A step of a sign-in goes on at the application. */
function wayOn({ path, status }: Context): { url: string; label: string } | undefined {
  if (path.startsWith('/account')) return { url: '/account/security', label: 'Your account' };
  if (path.startsWith('/admin')) return { url: '/admin', label: 'Administration' };
  return status === 404 || status === 405 ? { url: '/', label: 'Go to the home page' } : undefined;
}

/** `isQuiet`: a link among the text, because the page does not advise it. */
type Back = LatchkeyError['back'] & { isQuiet?: boolean };

/** A page that says what happened and what to do next, with the id that finds the request in the log. */
export function showError(
  ctx: Context,
  showPage: ShowPage,
  words: { heading: string; lede: string; advice?: string; back?: Back },
): void {
  showPage(ctx, 'error', {
    ...words,
    back: words.back ?? wayOn(ctx),
    title: words.heading,
    ...(WITHOUT_REFERENCE.has(ctx.status) ? {} : { reference: ctx.state.requestId, time: new Date() }),
  });
}

/** Whether no person opens that path: health checks, documents, pictures, and the API of a connected service. */
const isForProgram = ({ path }: Context): boolean => findRoute(path)?.audience === 'endpoint';

/** Whether the URL has a NUL or a broken percent-encoding, which no browser or application sends by mistake. */
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
      'The URL contains characters that are not allowed. Go back, or check the link.',
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
 * (RFC 9457) for other clients. An error with a 4xx status keeps it. Any other error that is not a LatchkeyError is a
 * 500. The log has the stack of every 5xx; the response never has it.
 */
export function answerErrors(deps: ErrorDeps): Middleware {
  function answer(
    ctx: Context,
    status: number,
    error: Pick<LatchkeyError, 'code' | 'message'> & Partial<Pick<LatchkeyError, 'back' | 'members'>>,
  ): void {
    const { code, message, back, members } = error;
    ctx.state.errorCode = code;
    if (deps.answerEndpointError(ctx, status, message)) return;
    ctx.status = status;
    if (ctx.accepts('html', 'json') === 'html' && !isForProgram(ctx)) {
      const failure =
        ctx.method === 'POST' && status < 500 && status !== 429 ? findRoute(ctx.path)?.failure : undefined;
      const heading = HEADINGS[code] ?? failure ?? HEADINGS[status] ?? 'This request could not be completed';
      showError(ctx, deps.showPage, { heading, lede: message, back });
      return;
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.body = Object.assign({ type: 'about:blank', title: message, status, code }, members);
    ctx.type = 'application/problem+json';
  }

  function answerThrown(ctx: Context, error: unknown): void {
    const latchkeyError = error instanceof LatchkeyError ? error : undefined;
    const thrownStatus = (error as { status?: number }).status;
    const status = latchkeyError?.status ?? (thrownStatus && thrownStatus < 500 ? thrownStatus : 500);
    // Whatever the failed step wanted to do, the response must not do half of it.
    ctx.remove('Set-Cookie');
    ctx.remove('Location');
    const isRepeatable = status === 503 && !isOutcomeUnknown(error);
    const retryAfter = latchkeyError?.retryAfter ?? (isRepeatable ? RETRY_AFTER_SECONDS : undefined);
    if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
    answer(ctx, status, latchkeyError ?? (status < 500 ? MALFORMED : INTERNAL));
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
