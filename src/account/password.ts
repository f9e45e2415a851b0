import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { type FreshSignIn, PASSWORD, SECURITY } from './fresh-sign-in.ts';

interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

export interface PasswordPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  ownPassword: {
    /** @throws LatchkeyError with a sentence for `password` */
    add(owner: Owner, password: string): Promise<void>;
    remove(owner: Owner): Promise<void>;
  };
  profile(accountId: string): Promise<{ has_password: boolean }>;
  /** The session goes on under another id, so that whoever knows the old one has nothing. */
  rotateSession(ctx: Context): Promise<void>;
  freshSignIn: Pick<FreshSignIn, 'assess' | 'requireFactors' | 'signInUrl'>;
  navOf(user: SignedInUser): unknown;
}

/**
 * The page that sets the first password of an account, and the form that removes one. Both need a recent sign-in. What was
 * typed into the page is never kept while somebody signs in again, because it is a password.
 */
export function createPasswordPage(router: Router, deps: PasswordPageDeps): void {
  const { signedIn, freshSignIn } = deps;

  /** @returns whether the sign-in is recent; otherwise redirects to a new one, which leads back to the page */
  async function requireFresh(ctx: Context, { accountId }: SignedInUser): Promise<boolean> {
    const { isFresh, hasShown } = await freshSignIn.assess(ctx, accountId);
    if (isFresh && hasShown) return true;
    seeOther(ctx, freshSignIn.signInUrl(PASSWORD, hasShown));
    return false;
  }

  async function show(ctx: Context, user: SignedInUser, faults: Record<string, string> = {}): Promise<void> {
    deps.showPage(ctx, 'account/password', {
      title: 'Set a password',
      bodyClass: 'wide',
      nav: deps.navOf(user),
      alert: faults.password,
      faults,
      username: user.username,
      action: PASSWORD,
      csrf: user.csrf(PASSWORD),
      back: SECURITY,
    });
  }

  const ownerOf = ({ accountId, sessionUid }: SignedInUser): Owner => ({
    accountId,
    sessionUid,
    origin: currentUnit().origin,
  });

  async function add(ctx: Context, user: SignedInUser, password: string): Promise<void> {
    try {
      await deps.ownPassword.add(ownerOf(user), password);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || !error.faults.password) throw error;
      ctx.status = error.status;
      return show(ctx, user, error.faults);
    }
    await deps.rotateSession(ctx);
    seeOther(ctx, `${SECURITY}?done=password-set`);
  }

  const remove = freshSignIn.requireFactors(
    () => 'remove your password',
    async (ctx, user) => {
      await deps.ownPassword.remove(ownerOf(user));
      await deps.rotateSession(ctx);
      seeOther(ctx, `${SECURITY}?done=password-removed`);
    },
  );

  router.get(
    PASSWORD,
    signedIn.page(async (ctx, user) => {
      if ((await deps.profile(user.accountId)).has_password) return seeOther(ctx, SECURITY);
      if (await requireFresh(ctx, user)) await show(ctx, user);
    }),
  );

  router.post(
    PASSWORD,
    signedIn.form(
      async (ctx, user, fields) => {
        if (fields.act === 'remove') return remove(ctx, user, fields);
        if (await requireFresh(ctx, user)) await add(ctx, user, fields.password ?? '');
      },
      { page: ({ act }) => (act === 'remove' ? SECURITY : PASSWORD) },
    ),
  );
}
