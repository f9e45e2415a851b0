import type { Context } from 'koa';
import { LINK_EXPIRED } from '../identity/recovery/links.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';

/** Removes the token from the address bar at once, and keeps an address that has it out of the Referer of other sites. */
export function takeToken(ctx: Context, cookie: SealedCookie, page: string, token: string): void {
  ctx.set('Referrer-Policy', 'no-referrer');
  cookie.set(ctx, token);
  seeOther(ctx, page);
}

/** Names the link whose page was shown, for the token of the field `shown`: another tab may have opened another link since. */
export const shownLink = (token: string) => `link ${token}`;

/** @param options `canRequest`: whether the page leads to a form that mails another link */
export function showLinkExpired(ctx: Context, showPage: ShowPage, options: { canRequest: boolean }): void {
  ctx.status = 400;
  showPage(ctx, 'recovery/link-expired', {
    title: 'This link no longer works',
    lede: LINK_EXPIRED,
    canRequest: options.canRequest,
  });
}

/** @returns false when the link no longer works @throws every other error */
export async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof LatchkeyError && error.kind === 'invalid_input') return false;
    throw error;
  }
}
