import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { randomToken } from '../kit/ids.ts';
import type { Secrets } from '../kit/secrets.ts';
import { COOKIE_FLAGS } from './cookie-flags.ts';
import type { IssuerScope } from './issuer-scope.ts';

export const formExpired = () =>
  new LatchkeyError(
    'forbidden',
    'form_expired',
    'This form has expired, or was opened in another browser. Go back, reload the page and try again.',
  );

export interface CsrfTokens {
  /** @returns the token of a form. The browser gets a cookie, to which the token is bound */
  issue(ctx: Context, form: string): string;
  /** @throws LatchkeyError forbidden when the token is for another form or was issued to another browser */
  check(ctx: Context, form: string, token: string | undefined): void;
  /** @returns whether the token is for this form, and was issued to this browser */
  matches(ctx: Context, form: string, token: string | undefined): boolean;
}

/** Where a request keeps the value of the cookie that its response sets. */
const ISSUED = 'formCookie';

/** Tokens for forms that need no session. An attacker cannot fetch a token and have a victim's browser send it. */
export function createCsrfTokens(deps: { secrets: Secrets; scope: IssuerScope }): CsrfTokens {
  const { secrets, scope } = deps;
  const { secure, cookiePath, cookiePrefix } = scope;
  const name = `${cookiePrefix}latchkey_form`;
  const cookieOf = (ctx: Context) => ctx.cookies.get(name, { signed: false });

  function matches(ctx: Context, form: string, token: string | undefined): boolean {
    const browser = cookieOf(ctx);
    return browser !== undefined && browser !== '' && secrets.csrfMatches(`${form}:${browser}`, token ?? '');
  }

  return {
    issue(ctx, form) {
      // A page can have several tokens, and a new browser has sent no cookie yet.
      let browser = cookieOf(ctx) || (ctx.state[ISSUED] as string | undefined);
      if (!browser) {
        browser = randomToken();
        const options = { ...COOKIE_FLAGS, secure, path: cookiePath, signed: false };
        ctx.cookies.set(name, browser, options);
        ctx.state[ISSUED] = browser;
      }
      return secrets.csrfToken(`${form}:${browser}`);
    },
    check(ctx, form, token) {
      if (!matches(ctx, form, token)) throw formExpired();
    },
    matches,
  };
}
