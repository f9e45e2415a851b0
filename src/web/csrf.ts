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
}

/** Tokens for forms that need no session. An attacker cannot fetch a token and have a victim's browser send it. */
export function createCsrfTokens(deps: { secrets: Secrets; scope: IssuerScope }): CsrfTokens {
  const { secrets, scope } = deps;
  const { secure, cookiePath, cookiePrefix } = scope;
  const name = `${cookiePrefix}latchkey_form`;
  const cookieOf = (ctx: Context) => ctx.cookies.get(name, { signed: false });
  return {
    issue(ctx, form) {
      let browser = cookieOf(ctx);
      if (!browser) {
        browser = randomToken();
        const options = { ...COOKIE_FLAGS, secure, path: cookiePath, signed: false };
        ctx.cookies.set(name, browser, options);
      }
      return secrets.csrfToken(`${form}:${browser}`);
    },
    check(ctx, form, token) {
      const browser = cookieOf(ctx);
      if (!browser || !secrets.csrfMatches(`${form}:${browser}`, token ?? '')) throw formExpired();
    },
  };
}
