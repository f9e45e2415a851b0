import type { Context } from 'koa';
import { randomToken } from '../kit/ids.ts';

/**
 * Binds a challenge to the browser that asked for it: an answer that somebody took elsewhere, with all that stood
 * on the page, is none there.
 */
export function createCeremonyCookie({ secure }: { secure: boolean }) {
  const name = secure ? '__Secure-latchkey_ceremony' : 'latchkey_ceremony';
  const read = (ctx: Context) => {
    const kept = ctx.cookies.get(name, { signed: false }) ?? '';
    return /^[\w-]{43}$/.test(kept) ? kept : undefined;
  };
  return {
    /** @param place the interaction or session */
    begin(ctx: Context, place: string): string {
      const token = read(ctx) ?? randomToken();
      ctx.cookies.set(name, token, {
        httpOnly: true,
        sameSite: 'strict',
        secure,
        path: '/webauthn',
        signed: false,
        overwrite: true,
      });
      return `${place} ${token}`;
    },
    /** @returns what no challenge is bound to when the browser has no cookie */
    resume: (ctx: Context, place: string) => `${place} ${read(ctx) ?? ''}`,
  };
}

export type CeremonyCookie = ReturnType<typeof createCeremonyCookie>;
