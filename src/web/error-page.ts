import type { Context } from 'koa';

export type Render = (name: string, data: Record<string, unknown>) => string;

/** A page that says what happened, whether anything changed, and what to do; with a reference to the log's line. */
export function showError(
  ctx: Context,
  render: Render,
  words: { heading: string; lede: string; advice?: string },
): void {
  ctx.type = 'html';
  ctx.set('Cache-Control', 'no-store');
  ctx.body = render('error', {
    ...words,
    title: words.heading,
    reference: ctx.state.requestId,
    time: new Date(),
  });
}
