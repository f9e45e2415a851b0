import type { Context } from 'koa';
import type { Secrets } from '../kit/secrets.ts';

const MINUTES = 60;

/** What this browser keeps for a person on their way. */
export interface SealedCookie {
  set(ctx: Context, value: string): void;
  /** @returns undefined when there is none, or none that this server sealed for that use */
  read(ctx: Context): string | undefined;
  clear(ctx: Context): void;
}

/**
 * What came by a link is kept by the browser, sealed and for an hour, so that it stands neither in the address bar
 * nor in the history, a log or a Referer.
 * @param what a name for its cookie; a value that was kept under another name does not open
 */
export function createSealedCookie(deps: { secrets: Secrets; secure: boolean }, what: string): SealedCookie {
  const name = `${deps.secure ? '__Host-' : ''}latchkey_${what}`;
  const at = { table: 'cookie', column: what, id: '' };
  const options = { httpOnly: true, sameSite: 'lax', secure: deps.secure, path: '/', signed: false } as const;
  return {
    set(ctx, value) {
      ctx.cookies.set(name, deps.secrets.seal(value.slice(0, 200), at), {
        ...options,
        maxAge: MINUTES * 60_000,
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
