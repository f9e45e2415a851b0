import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Profile } from '../identity/accounts/profile.ts';
import type { PasswordChange } from '../identity/passwords/change.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { navigation, type SignedInPages, type SignedInUser } from '../web/signed-in.ts';
import { createEmailPage, type EmailPageDeps } from './email.ts';
import { createFactorPages, type FactorPagesDeps, SECURITY } from './factors.ts';

export interface AccountPagesDeps extends Pick<EmailPageDeps, 'recovery' | 'proves' | 'limitMail'> {
  signedIn: SignedInPages;
  render(name: string, data: Record<string, unknown>): string;
  profile(accountId: string): Promise<Profile>;
  /** @throws LatchkeyError with a sentence for `current` or `password` */
  changePassword(given: PasswordChange): Promise<void>;
  browser: { read(ctx: Context): { hash: string } };
  /** The session goes on under another id, so that whoever knows the old one has nothing. */
  rotateSession(ctx: Context): Promise<void>;
  /** Whether these powers open any page of the console. */
  mayAdminister(scopes: string[]): boolean;
  factors: Omit<FactorPagesDeps, 'signedIn' | 'render' | 'nav'>;
}

/** What was done, after the redirect. */
const NOTES: Record<string, string> = {
  renamed: 'The key has its new name.',
  removed: 'The key is removed. It opens nothing any more.',
  app: 'Your authenticator app is set up. Its code is asked for after your password.',
  'app-removed': 'The authenticator app is removed.',
};

/** The pages on which a person looks after their own account. */
export function createAccountPages(router: Router, deps: AccountPagesDeps): void {
  const { signedIn } = deps;

  function navOf({ scopes }: SignedInUser) {
    const links: [string, string][] = [[SECURITY, 'Security']];
    if (deps.mayAdminister(scopes)) links.push(['/admin', 'Administration']);
    return navigation('Your account', SECURITY, [...links, ['/session/end', 'Sign out…']]);
  }

  const pages = createFactorPages(router, { ...deps.factors, signedIn, render: deps.render, nav: navOf });

  async function show(ctx: Context, user: SignedInUser, faults: Record<string, string> = {}): Promise<void> {
    const { passkeys, ...factors } = await pages.shown(ctx, user);
    ctx.body = deps.render('account/security', {
      ...{ passkeys, factors, note: NOTES[String(ctx.query.done)] },
      title: 'Security',
      bodyClass: 'wide',
      nav: navOf(user),
      alert: Object.values(faults)[0],
      faults,
      action: SECURITY,
      csrf: user.csrf(SECURITY),
      person: await deps.profile(user.accountId),
      changed: ctx.query.done === 'password',
      isMailed: ctx.query.done === 'email',
      sendsMail: deps.recovery.sendsMail,
    });
  }

  createEmailPage(router, { ...deps, navOf });

  router.get(
    '/account',
    signedIn.page((ctx) => {
      ctx.status = 303;
      ctx.redirect(SECURITY);
    }),
  );

  router.get(
    SECURITY,
    signedIn.page((ctx, user) => show(ctx, user)),
  );

  router.post(
    SECURITY,
    signedIn.form(async (ctx, user, { current = '', password = '' }) => {
      const { accountId, sessionUid } = user;
      const { origin } = currentUnit();
      try {
        const browserHash = deps.browser.read(ctx).hash;
        await deps.changePassword({ accountId, current, password, browserHash, sessionUid, origin });
      } catch (error) {
        // Caught here, so that what slows guessing is written with the answer.
        if (!(error instanceof LatchkeyError) || Object.keys(error.faults).length === 0) throw error;
        ctx.status = error.status;
        return show(ctx, user, error.faults);
      }
      await deps.rotateSession(ctx);
      ctx.status = 303;
      ctx.redirect(`${SECURITY}?done=password`);
    }),
  );
}
