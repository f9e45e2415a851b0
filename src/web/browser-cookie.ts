import type { Context } from 'koa';
import { digest, randomToken } from '../kit/ids.ts';

/**
 * By what a browser is known again. It opens nothing by itself: whoever has it may guess at the password a few
 * times of their own.
 * @param options `days`: how long the browser keeps it
 */
export function createBrowserCookie({ secure, days }: { secure: boolean; days: number }) {
  const name = secure ? '__Host-latchkey_browser' : 'latchkey_browser';
  return {
    /** What this browser has, or will have when `keep` is called; how that rests in the database. */
    read(ctx: Context): { token: string; hash: string } {
      const kept = ctx.cookies.get(name, { signed: false }) ?? '';
      const token = /^[\w-]{43}$/.test(kept) ? kept : randomToken();
      return { token, hash: digest(token) };
    },
    /** After a sign-in alone, so that a failure sets no cookie from which something could be told. */
    set(ctx: Context, token: string): void {
      ctx.cookies.set(name, token, {
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: '/',
        signed: false,
        maxAge: days * 86_400_000,
      });
    },
  };
}

export type BrowserCookie = ReturnType<typeof createBrowserCookie>;
