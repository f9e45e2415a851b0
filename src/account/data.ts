import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import type { ArchiveState } from '../identity/account-data/store.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';
import { PROFILE } from './navigation.ts';

interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

export interface DataPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  accountData: {
    find(accountId: string): Promise<ArchiveState | undefined>;
    requestArchive(owner: Owner): Promise<void>;
    read(accountId: string): Promise<Buffer | undefined>;
  };
  closing: {
    /** @throws LatchkeyError with a sentence for `confirm` */
    checkConfirmation(username: string, confirm: string): void;
    close(owner: Owner): Promise<Date>;
  };
  freshSignIn: Pick<FreshSignIn, 'assess' | 'requireFactors' | 'signInUrl' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/data';
const ARCHIVE = `${PATH}/archive`;
const CLOSE = `${PATH}/close`;
const CLOSED = '/account/closed';
/** While an archive is made, the page reloads itself after this number of seconds. */
const REFRESH_SECONDS = 3;

const NOTICES = new Map([['requested', 'We are putting your data together.']]);

/** The page on which users take their data, and close their account. */
export function createDataPage(router: Router, deps: DataPageDeps): void {
  const { signedIn, accountData, closing, freshSignIn } = deps;

  const ownerOf = ({ accountId, sessionUid }: SignedInUser): Owner => ({
    accountId,
    sessionUid,
    origin: currentUnit().origin,
  });

  async function show(ctx: Context, user: SignedInUser, faults: Record<string, string> = {}): Promise<void> {
    const archive = await accountData.find(user.accountId);
    if (archive?.status === 'waiting') ctx.set('Refresh', String(REFRESH_SECONDS));
    deps.showPage(ctx, 'account/data', {
      title: 'Your data',
      bodyClass: 'wide',
      nav: deps.navOf(user, PROFILE),
      alert: faults.confirm,
      faults,
      notice: archive?.status === 'waiting' ? NOTICES.get(String(ctx.query.done)) : undefined,
      archive,
      username: user.username,
      actions: { request: PATH, close: CLOSE, download: ARCHIVE },
      csrf: { request: user.csrf(PATH), close: user.csrf(CLOSE) },
    });
  }

  router.get(
    PATH,
    signedIn.page((ctx, user) => {
      freshSignIn.forgetAction(ctx);
      return show(ctx, user);
    }),
  );

  router.post(
    PATH,
    signedIn.form(
      freshSignIn.requireFactors(
        () => 'make an archive of your data',
        async (ctx, user) => {
          await accountData.requestArchive(ownerOf(user));
          seeOther(ctx, `${PATH}?done=requested`);
        },
      ),
    ),
  );

  router.get(
    ARCHIVE,
    signedIn.page(async (ctx, user) => {
      const { isFresh, hasShown } = await freshSignIn.assess(ctx, user.accountId);
      // Everything at once: somebody at an unattended browser must not have it.
      if (!isFresh || !hasShown) return seeOther(ctx, freshSignIn.signInUrl(ARCHIVE, hasShown));
      const archive = await accountData.read(user.accountId);
      if (!archive) return seeOther(ctx, PATH);
      ctx.set('Cache-Control', 'no-store');
      ctx.set('Content-Disposition', 'attachment; filename="your-data.zip"');
      ctx.type = 'application/zip';
      ctx.body = archive;
    }),
  );

  const close = freshSignIn.requireFactors(
    () => 'close your account',
    async (ctx, user) => {
      const closingAt = await closing.close(ownerOf(user));
      seeOther(ctx, `${CLOSED}?until=${closingAt.toISOString().slice(0, 10)}`);
    },
  );

  router.post(
    CLOSE,
    signedIn.form(async (ctx, user, fields) => {
      try {
        closing.checkConfirmation(user.username, fields.confirm ?? '');
      } catch (error) {
        if (!(error instanceof LatchkeyError) || !error.faults.confirm) throw error;
        ctx.status = error.status;
        return show(ctx, user, error.faults);
      }
      await close(ctx, user, fields);
    }),
  );

  // For anyone: the account has no session now.
  router.get(CLOSED, (ctx) => {
    const until = /^\d{4}-\d\d-\d\d$/.exec(String(ctx.query.until))?.[0];
    deps.showPage(ctx, 'account/closed', { title: 'Your account is closed', until });
  });
}
