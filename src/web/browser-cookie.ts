import type { Context } from 'koa';
import { digest, randomToken } from '../kit/ids.ts';
import { COOKIE_FLAGS } from './cookie-flags.ts';
import type { IssuerScope } from './issuer-scope.ts';

/**
 * The cookie by which a browser is recognized. It signs nobody in. A sign-in is finished in the browser in which it
 * began, and a trusted browser has its own count of wrong passwords, so that attempts from elsewhere do not lock it out.
 * Sites on neighbouring hosts cannot set it where its name begins with `__Host-`.
 * @param options `days`: how long a browser is recognized after a sign-in
 */
export function createBrowserCookie({ scope, days }: { scope: IssuerScope; days: number }) {
  const { cookiePrefix, cookiePath, secure } = scope;
  const name = `${cookiePrefix}latchkey_browser`;
  const options = { ...COOKIE_FLAGS, secure, path: cookiePath, signed: false };
  function findToken(ctx: Context): string | undefined {
    const kept = ctx.state.newBrowser ?? ctx.cookies.get(name, { signed: false }) ?? '';
    return /^[\w-]{43}$/.test(kept) ? kept : undefined;
  }
  return {
    /** The hash of this browser's token, which the database stores. */
    find(ctx: Context): string | undefined {
      const token = findToken(ctx);
      return token && digest(token);
    },
    /** The same. A browser without a token gets one until it is closed. */
    recognize(ctx: Context): string {
      let token = findToken(ctx);
      if (!token) {
        token = randomToken();
        ctx.state.newBrowser = token;
        ctx.cookies.set(name, token, options);
      }
      return digest(token);
    },
    /** The token of this browser, or a new one for `set`, and its hash. */
    read(ctx: Context): { token: string; hash: string } {
      const token = findToken(ctx) ?? randomToken();
      return { token, hash: digest(token) };
    },
    /** Recognizes the browser also after it was closed. Call this after a sign-in only. */
    set(ctx: Context, token: string): void {
      ctx.cookies.set(name, token, { ...options, maxAge: days * 86_400_000 });
    },
  };
}

export type BrowserCookie = ReturnType<typeof createBrowserCookie>;
