import type { Context } from 'koa';
import type { Secrets } from '../kit/secrets.ts';
import { COOKIE_FLAGS } from './cookie-flags.ts';
import type { IssuerScope } from './issuer-scope.ts';

const DEFAULT_MINUTES = 60;
/** The longest value, in characters. Codes and tokens are far shorter. */
const MAX_VALUE_LENGTH = 1000;

/** A cookie that keeps a code, a token or a form while its user goes from page to page. */
export interface SealedCookie {
  set(ctx: Context, value: string): void;
  /** @returns undefined without the cookie, or if this server did not seal it for this purpose */
  read(ctx: Context): string | undefined;
  clear(ctx: Context): void;
}

/**
 * Keeps a value in the browser, encrypted and by default for an hour, so that it stays out of the address bar, the
 * history, logs and the Referer header.
 * @param purpose names the cookie; a value that was sealed for another purpose does not open
 * @param options `maxLength`: longer values are cut
 */
export function createSealedCookie(
  deps: { secrets: Secrets; scope: IssuerScope },
  purpose: string,
  { minutes = DEFAULT_MINUTES, maxLength = MAX_VALUE_LENGTH }: { minutes?: number; maxLength?: number } = {},
): SealedCookie {
  const { cookiePrefix, cookiePath, secure } = deps.scope;
  const name = `${cookiePrefix}latchkey_${purpose}`;
  const at = { table: 'cookie', column: purpose, id: '' };
  const options = { ...COOKIE_FLAGS, secure, path: cookiePath, signed: false };
  return {
    set(ctx, value) {
      ctx.cookies.set(name, deps.secrets.seal(value.slice(0, maxLength), at), {
        ...options,
        maxAge: minutes * 60_000,
      });
    },
    read(ctx) {
      const sealed = ctx.cookies.get(name, { signed: false });
      try {
        return sealed ? deps.secrets.open(sealed, at) : undefined;
      } catch {
        return undefined;
      }
    },
    clear(ctx) {
      if (ctx.cookies.get(name, { signed: false })) ctx.cookies.set(name, null, options);
    },
  };
}
