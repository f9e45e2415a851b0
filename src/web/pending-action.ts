import type { Context } from 'koa';
import { MAX_LENGTH, type SealedCookie } from './sealed-cookie.ts';

/** What a user asked for before they had to confirm that it is them. */
interface PendingAction {
  accountId: string;
  /** The path of the form. */
  path: string;
  /** The fields of the form, without its token. */
  fields: Record<string, string>;
  /** What it does, as the end of "Confirm it is you to …". */
  says: string;
}

/** Keeps an action in the browser while its user signs in again, so that it is not lost. */
export interface PendingActions {
  keep(ctx: Context, action: PendingAction): void;
  /** @returns undefined when this account has asked for nothing in this browser */
  find(ctx: Context, accountId: string | undefined): PendingAction | undefined;
  forget(ctx: Context): void;
}

export function createPendingActions(cookie: SealedCookie): PendingActions {
  return {
    keep(ctx, { accountId, path, fields: { csrf: _csrf, ...fields }, says }) {
      const text = JSON.stringify({ accountId, path, fields, says } satisfies PendingAction);
      // What our own forms send is shorter. The cookie would cut it, and no page could read the rest.
      if (text.length > MAX_LENGTH) return cookie.clear(ctx);
      cookie.set(ctx, text);
    },
    find(ctx, accountId) {
      const text = cookie.read(ctx);
      const action = text === undefined ? undefined : (JSON.parse(text) as PendingAction);
      return action?.accountId === accountId ? action : undefined;
    },
    forget: (ctx) => cookie.clear(ctx),
  };
}
