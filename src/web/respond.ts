import type { Context } from 'koa';
import type { Render } from './render.ts';

/** @returns a path of ours as browsers request it, after the path of the issuer; every other URL as it is */
export const toAddress = ({ mountPath = '' }: Context, url: string): string =>
  /^\/(?!\/)/.test(url) ? `${mountPath}${url}` : url;

/** Redirects with 303 See Other, after which the browser sends a GET. Not stored: the target may hold a secret. */
export function seeOther(ctx: Context, url: string): void {
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
  ctx.redirect(toAddress(ctx, url));
}

/** How the signed-in user wants pages of ours to look. */
export interface Look {
  theme?: string | undefined;
  /** A name of the IANA database; UTC by default. */
  timeZone?: string | undefined;
}

/** Every page of this request then looks that way. */
export function setLook(ctx: Context, look: Look): void {
  ctx.state.look = look;
}

const findLook = ({ state }: Context): Look => state.look ?? {};

/** Answers with a page. @param data `title` and what the first comment of the view lists */
export type ShowPage = (ctx: Context, view: string, data: Record<string, unknown>) => void;

export function createShowPage(render: Render): ShowPage {
  return (ctx, view, data) => {
    ctx.type = 'html';
    // Pages hold form tokens and personal data.
    ctx.set('Cache-Control', 'no-store');
    ctx.body = render(view, { ...findLook(ctx), ...data, isShownAgain: ctx.state.isShownAgain });
  };
}
