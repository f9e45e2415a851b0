import type { Context } from 'koa';
import type { Secrets } from '../kit/secrets.ts';

const AT = { table: 'cookie', column: 'invitation', id: '' };
const MINUTES = 60;

/**
 * A code that came by a link is kept by the browser, sealed, so that it stands neither in the address bar nor in
 * the history, a log or a Referer.
 */
export function createHeldCode(deps: { secrets: Secrets; secure: boolean }) {
  const name = deps.secure ? '__Host-latchkey_invitation' : 'latchkey_invitation';
  const options = { httpOnly: true, sameSite: 'lax', secure: deps.secure, path: '/', signed: false } as const;
  return {
    keep(ctx: Context, code: string): void {
      ctx.cookies.set(name, deps.secrets.seal(code.slice(0, 200), AT), {
        ...options,
        maxAge: MINUTES * 60_000,
      });
    },
    read(ctx: Context): string | undefined {
      const sealed = ctx.cookies.get(name, { signed: false });
      try {
        return sealed ? deps.secrets.open(sealed, AT) : undefined;
      } catch {
        return undefined;
      }
    },
    drop(ctx: Context): void {
      if (ctx.cookies.get(name, { signed: false })) ctx.cookies.set(name, null, options);
    },
  };
}
