import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { emailField } from '../identity/fields.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';

export interface EmailPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  recovery: {
    sendsMail: boolean;
    /** Answers the same way whether or not another account has the address. */
    requestEmailChange(
      accountId: string,
      email: string,
      by: { session: string },
      origin?: Origin,
    ): Promise<void>;
  };
  /** Whether `password` is the account's. Failed attempts count towards the same lockout as at sign-in. */
  isOwnPassword(input: {
    accountId: string;
    username: string;
    password: string;
    browserHash: string;
  }): Promise<boolean>;
  /** Stops floods of mail. @throws LatchkeyError rate_limited */
  limitMail(email: string): Promise<void>;
  browserCookie: { read(ctx: Context): { hash: string } };
  profile(accountId: string): Promise<{
    has_password: boolean;
    email: string | null;
    email_verified: boolean;
    pending_email: string | null;
  }>;
  freshSignIn: FreshSignIn;
  navOf(user: SignedInUser): unknown;
}

const PATH = '/account/email';

/**
 * The page that requests a change of the e-mail address. It requires the current password, or a recent sign-in if the
 * account has no password. Otherwise anyone who finds a signed-in browser could take over the account by a mailed link.
 */
export function createEmailPage(router: Router, deps: EmailPageDeps): void {
  const { signedIn, recovery } = deps;

  /** @returns whether the form asks for the password; undefined after a redirect to a new sign-in */
  async function needsPassword(ctx: Context, { accountId }: SignedInUser): Promise<boolean | undefined> {
    const { has_password } = await deps.profile(accountId);
    if (has_password || (await deps.freshSignIn.assess(ctx, accountId)).isFresh) return has_password;
    seeOther(ctx, deps.freshSignIn.signInUrl(PATH, true));
    return undefined;
  }

  async function show(
    ctx: Context,
    user: SignedInUser,
    typed = '',
    faults: Record<string, string> = {},
  ): Promise<void> {
    const hasPassword = await needsPassword(ctx, user);
    if (hasPassword === undefined) return;
    if (Object.keys(faults).length > 0) ctx.status = 400;
    const { email, email_verified, pending_email: pending } = await deps.profile(user.accountId);
    // The field already has an unconfirmed address, so that people whose mail was lost can ask for another link.
    const unconfirmed = email_verified ? '' : (email ?? '');
    deps.showPage(ctx, 'account/email', {
      title: 'Your e-mail address',
      bodyClass: 'wide',
      nav: deps.navOf(user),
      alert: Object.values(faults)[0],
      faults,
      confirmed: email_verified ? email : '',
      unconfirmed,
      pending,
      typed: typed || pending || unconfirmed,
      action: PATH,
      csrf: user.csrf(PATH),
      username: user.username,
      sendsMail: recovery.sendsMail,
      hasPassword,
    });
  }

  const purpose = (_user: SignedInUser, { email = '' }: Record<string, string>) =>
    `change your e-mail address to ${email}`;

  async function sendLink(ctx: Context, user: SignedInUser, email: string): Promise<void> {
    await deps.limitMail(email);
    const by = { session: user.sessionUid };
    await recovery.requestEmailChange(user.accountId, email, by, currentUnit().origin);
    seeOther(ctx, '/account/security?done=email');
  }

  router.get(
    PATH,
    signedIn.page((ctx, user) => show(ctx, user, user.typed?.email)),
  );

  router.post(
    PATH,
    signedIn.form(
      async (ctx, user, { email: typed = '', current = '' }) => {
        if (!recovery.sendsMail) return show(ctx, user);
        const { accountId, username } = user;
        const email = emailField.safeParse(typed);
        const faults: Record<string, string> = {};
        if (!email.success) faults.email = email.error.issues[0]?.message ?? '';
        const { has_password: hasPassword } = await deps.profile(accountId);
        if (hasPassword && current === '') faults.current = 'Enter your current password';
        if (!email.success || Object.keys(faults).length > 0) return show(ctx, user, typed, faults);
        const send = () => sendLink(ctx, user, email.data);
        if (!hasPassword) return deps.freshSignIn.requireFactors(purpose, send)(ctx, user, { email: typed });
        const browserHash = deps.browserCookie.read(ctx).hash;
        if (!(await deps.isOwnPassword({ accountId, username, password: current, browserHash })))
          return show(ctx, user, typed, {
            current: 'This is not your current password. Check it and try again',
          });
        await send();
      },
      { keeps: ['email'] },
    ),
  );
}
