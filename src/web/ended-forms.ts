import type { Context } from 'koa';
import type { PendingActions } from './pending-action.ts';
import { seeOther } from './respond.ts';
import { findRoute } from './routes.ts';

export interface EndedFormsDeps {
  pendingActions: Pick<PendingActions, 'keepForm' | 'findForm' | 'forget'>;
  /** The address to sign in at and return to that page. */
  signInUrl(page: string): string;
}

/** How a form is shown again. */
export interface EndedFormOptions {
  /** The fields that are kept. Never a password, a code or a secret. */
  keeps?: string[];
  /** The page of the form, if that is not the page above its path. */
  page?(fields: Record<string, string>): string | undefined;
}

/** The page of a form: that of its own path, or the nearest one above it. */
function pageAbove(path: string): string {
  if (path === '' || findRoute(path)?.afterSignIn) return path || '/';
  return pageAbove(path.slice(0, path.lastIndexOf('/')));
}

/**
 * Forms that were sent after their session had ended. The form's token is worthless then, so the action is not carried out:
 * the form is shown again with what was typed, and the user presses the button once more. No other site can have an action
 * carried out in this way.
 */
export function createEndedForms({ pendingActions, signInUrl }: EndedFormsDeps) {
  return {
    /** @param form `owner`: the mark of the account that was sent the form, which alone sees what was typed */
    showAgain(
      ctx: Context,
      form: { owner: string; idempotencyKey: string; fields: Record<string, string>; isSignedIn: boolean },
      { keeps = [], page: pageOf }: EndedFormOptions,
    ): void {
      const { owner, idempotencyKey, fields, isSignedIn } = form;
      const page = pageOf?.(fields) ?? pageAbove(ctx.path);
      const typed = Object.fromEntries(
        keeps.filter((name) => name in fields).map((name) => [name, fields[name] ?? '']),
      );
      if (owner !== '')
        pendingActions.keepForm(ctx, { owner, path: ctx.path, idempotencyKey, page, fields: typed });
      seeOther(ctx, isSignedIn ? page : signInUrl(page));
    },

    /** @returns what this account typed into a form of this page. It is found once */
    takeTyped(ctx: Context, accountId: string): Record<string, string> | undefined {
      const form = pendingActions.findForm(ctx, accountId);
      if (form?.page !== ctx.path) return undefined;
      pendingActions.forget(ctx);
      // The layout says why the form is here again.
      ctx.state.isShownAgain = true;
      return form.fields;
    },
  };
}
