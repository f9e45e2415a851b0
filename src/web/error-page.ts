import type { Context } from 'koa';
import type { ShowPage } from './respond.ts';

/** What an error says to the person or program that sent the request. */
export interface ErrorAnswer {
  status: number;
  /** Names the case for programs. */
  code: string;
  message: string;
}

const HEADINGS: Record<number, string> = {
  403: 'Nothing was changed',
  404: 'Page not found',
  409: 'Nothing was changed',
  429: 'Too many attempts',
  503: 'This server is not available right now',
};

/** A page that says what happened and what to do next, with a reference that finds the line in the log. */
export function showError(
  ctx: Context,
  showPage: ShowPage,
  words: { heading: string; lede: string; advice?: string },
): void {
  showPage(ctx, 'error', {
    ...words,
    title: words.heading,
    reference: ctx.state.requestId,
    time: new Date(),
  });
}

/**
 * Answers with an error: a page for browsers, `application/problem+json` (RFC 9457) for others.
 * @param deps.answerEndpointError answers at protocol endpoints, which have an error format of their own; returns whether it did
 */
export function createErrorAnswer(deps: {
  showPage: ShowPage;
  answerEndpointError(ctx: Context, status: number, message: string): boolean;
}) {
  return (ctx: Context, { status, code, message }: ErrorAnswer): void => {
    if (deps.answerEndpointError(ctx, status, message)) return;
    ctx.status = status;
    if (ctx.accepts('html', 'json') === 'html') {
      const heading = HEADINGS[status] ?? 'This request could not be completed';
      showError(ctx, deps.showPage, { heading, lede: message });
      return;
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { type: 'about:blank', title: message, status, code };
    ctx.type = 'application/problem+json';
  };
}
