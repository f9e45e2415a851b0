import type { Context } from 'koa';
import { digest, randomToken } from '../kit/ids.ts';
import type { IssuerScope } from './issuer-scope.ts';

/**
 * The cookie by which a browser is recognized. It signs nobody in: a trusted browser has its own count of wrong passwords,
 * so that attempts from elsewhere do not lock it out.
 * @param options `days`: how long the browser keeps the cookie
 */
export function createBrowserCookie({ scope, days }: { scope: IssuerScope; days: number }) {
  const name = `${scope.cookiePrefix}latchkey_browser`;
  return {
    /** The token of this browser, or a new one for `set`, and its hash, which the database stores. */
    read(ctx: Context): { token: string; hash: string } {
      const kept = ctx.cookies.get(name, { signed: false }) ?? '';
      const token = /^[\w-]{43}$/.test(kept) ? kept : randomToken();
      return { token, hash: digest(token) };
    },
    /** Call this after a sign-in only, so that a failed attempt sets no cookie that would reveal something. */
    set(ctx: Context, token: string): void {
      ctx.cookies.set(name, token, {
        httpOnly: true,
        sameSite: 'lax',
        secure: scope.secure,
        path: scope.cookiePath,
        signed: false,
        maxAge: days * 86_400_000,
      });
    },
  };
}

export type BrowserCookie = ReturnType<typeof createBrowserCookie>;
