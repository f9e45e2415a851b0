import type { Context } from 'koa';
import { digest, randomToken } from '../../kit/ids.ts';
import type { IssuerScope } from '../../web/issuer-scope.ts';

/**
 * The cookie that binds a visit at a service to a browser. Otherwise an attacker could have a victim's browser end a visit
 * that the attacker began, and connect the attacker's account there to the victim's account here (RFC 6749 section 10.12).
 * All tabs of a browser share it.
 */
export function createConnectCookie({ secure, base, partPrefix }: IssuerScope) {
  const name = `${partPrefix}latchkey_connect`;
  const path = `${base || '/'}`;
  const read = (ctx: Context) => {
    const kept = ctx.cookies.get(name, { signed: false }) ?? '';
    return /^[\w-]{43}$/.test(kept) ? kept : undefined;
  };
  return {
    /** @returns the digest to keep with the visit */
    begin(ctx: Context): string {
      const token = read(ctx) ?? randomToken();
      // `lax`, because the service sends the browser back from another site.
      const options = { httpOnly: true, sameSite: 'lax', secure, path, signed: false } as const;
      ctx.cookies.set(name, token, { ...options, overwrite: true });
      return digest(token);
    },
    /** Whether the visit began in this browser. @param browser what `begin` returned */
    isOf: (ctx: Context, browser: string): boolean => {
      const token = read(ctx);
      return token !== undefined && digest(token) === browser;
    },
  };
}

export type ConnectCookie = ReturnType<typeof createConnectCookie>;
