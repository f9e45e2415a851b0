import type Router from '@koa/router';
import type { Context } from 'koa';
import { toEpoch } from '../database/instants.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { type Factors, hasShownEnough } from '../identity/second-factor/index.ts';
import type { PendingActions } from '../web/pending-action.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { FormHandler, SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';

/** How long after a sign-in the user may change factors without signing in again. */
const FRESH_SECONDS = 300;

/** Whether the sign-in was so recent that the same person is still at the browser. @param loginTs in seconds */
export const isFreshSignIn = ({ loginTs }: { loginTs: number }) =>
  toEpoch(new Date()) - loginTs <= FRESH_SECONDS;

export interface FreshSignInDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  pendingActions: PendingActions;
  getFactors(accountId: string): Promise<Factors>;
  /** The methods by which the user of this session signed in (RFC 8176), and whether that was recently. */
  getSignIn(ctx: Context): Promise<{ amr: string[]; isFresh: boolean }>;
  /** @returns the URL of a new sign-in with these parameters, which then opens that page */
  signInAgain(page: string, params: Record<string, string>): string;
  nav(user: SignedInUser): unknown;
}

export const SECURITY = '/account/security';
export const PASSWORD = `${SECURITY}/password`;
const CONFIRM = '/account/confirm';

/** The page that has the form of that path. */
const pageOf = (path: string) => /^\/(account|admin)\/[\w-]+/.exec(path)?.[0] ?? SECURITY;

/** What a user who signs in again wants to do on that page, as the end of "Confirm it is you to …". */
export const PURPOSES = new Map([
  [SECURITY, 'change how you sign in'],
  [CONFIRM, 'change how you sign in'],
  ['/account/email', 'change your e-mail address'],
  [PASSWORD, 'set a password'],
  ['/account/data/archive', 'download your data'],
]);

type Action = (
  ctx: Context,
  user: SignedInUser,
  fields: Record<string, string>,
  from: Origin,
) => Promise<void>;

/**
 * Requires a recent sign-in with the account's factors before something is changed, so that neither the password alone
 * nor an open browser is enough to take the account over. Otherwise the user signs in again on a page that says why,
 * and then confirms the action on a separate page. That page does nothing without a click, because another site could
 * open it.
 */
export function createFreshSignIn(router: Router, deps: FreshSignInDeps) {
  const { signedIn, pendingActions } = deps;

  /** @returns whether the session is fresh, and whether it has shown the factors that the account has */
  async function assess(ctx: Context, accountId: string) {
    const { amr, isFresh } = await deps.getSignIn(ctx);
    const factors = await deps.getFactors(accountId);
    return { amr, factors, isFresh, hasShown: hasShownEnough(factors, amr) };
  }

  const signInUrl = (page: string, hasShown: boolean) =>
    deps.signInAgain(page, {
      max_age: String(FRESH_SECONDS),
      // A recent sign-in is not enough if another service alone has said who the user is.
      prompt: 'login',
      ...(hasShown ? {} : { acr_values: 'mfa' }),
    });

  /** @param purpose what the form does, as the end of "Confirm it is you to …" */
  function requireFactors(
    purpose: (user: SignedInUser, fields: Record<string, string>) => Promise<string> | string,
    work: Action,
  ): FormHandler {
    return async (ctx, user, fields) => {
      const { accountId } = user;
      const { isFresh, hasShown } = await assess(ctx, accountId);
      if (isFresh && hasShown) {
        pendingActions.forget(ctx);
        return work(ctx, user, fields, currentUnit().origin);
      }
      pendingActions.keep(ctx, { accountId, path: ctx.path, fields, purpose: await purpose(user, fields) });
      seeOther(ctx, signInUrl(CONFIRM, hasShown));
    };
  }

  router.get(
    CONFIRM,
    signedIn.page((ctx, user) => {
      const action = pendingActions.find(ctx, user.accountId);
      if (!action) return seeOther(ctx, SECURITY);
      const label = `${action.purpose.charAt(0).toUpperCase()}${action.purpose.slice(1)}`;
      deps.showPage(ctx, 'account/confirm', {
        title: `${label}?`,
        label,
        bodyClass: 'wide',
        nav: deps.nav(user),
        action: action.path,
        fields: { ...action.fields, csrf: user.csrf(action.path, action.fields.idempotency_key) },
        back: pageOf(action.path),
      });
    }),
  );

  return { assess, requireFactors, signInUrl, forgetAction: pendingActions.forget };
}

export type FreshSignIn = ReturnType<typeof createFreshSignIn>;
