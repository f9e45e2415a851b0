import type { Context } from 'koa';
import { randomToken } from '../kit/ids.ts';
import type { IssuerScope } from './issuer-scope.ts';

/**
 * Binds a passkey challenge to the browser that requested it. A response that was made in another browser, with everything
 * that was on the page, is not accepted.
 */
export function createCeremonyCookie({ secure, base, partPrefix }: IssuerScope) {
  const name = `${partPrefix}latchkey_ceremony`;
  const read = (ctx: Context) => {
    const kept = ctx.cookies.get(name, { signed: false }) ?? '';
    return /^[\w-]{43}$/.test(kept) ? kept : undefined;
  };
  return {
    /** @param place the interaction or session @returns the value to bind the challenge to */
    begin(ctx: Context, place: string): string {
      const token = read(ctx) ?? randomToken();
      ctx.cookies.set(name, token, {
        httpOnly: true,
        sameSite: 'strict',
        secure,
        path: `${base}/webauthn`,
        signed: false,
        overwrite: true,
      });
      return `${place} ${token}`;
    },
    /** @returns the value that `begin` returned. In a browser without the cookie, a value to which no challenge is bound */
    resume: (ctx: Context, place: string) => `${place} ${read(ctx) ?? ''}`,
  };
}

export type CeremonyCookie = ReturnType<typeof createCeremonyCookie>;
