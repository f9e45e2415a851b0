import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Profile } from '../identity/accounts/read-profile.ts';
import type { PasswordChange } from '../identity/passwords/change.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { PendingActions } from '../web/pending-action.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { createFactorPages, type FactorPagesDeps } from './factors.ts';
import { type FreshSignIn, PASSWORD, SECURITY } from './fresh-sign-in.ts';
import { describeSignIn, findMissing } from './security-advice.ts';

export interface SecurityPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  profile(accountId: string): Promise<Profile>;
  recovery: { sendsMail: boolean };
  /** The services whose accounts sign the account in, by their names. */
  listSignInServices(accountId: string): Promise<string[]>;
  /** @throws LatchkeyError with a sentence for `current` or `password` */
  changePassword(input: PasswordChange): Promise<void>;
  browserCookie: { read(ctx: Context): { hash: string } };
  /** The session goes on under another id, so that whoever knows the old one has nothing. */
  rotateSession(ctx: Context): Promise<void>;
  pendingActions: PendingActions;
  freshSignIn: FreshSignIn;
  factors: Omit<
    FactorPagesDeps,
    'signedIn' | 'showPage' | 'showSecurity' | 'nav' | 'freshSignIn' | 'pendingActions'
  >;
  navOf(user: SignedInUser): unknown;
}

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, { heading: string; text: string }>(
  Object.entries({
    password: {
      heading: 'Your password was changed.',
      text: 'You are signed out in all other browsers, and applications will ask you to sign in again.',
    },
    'password-set': { heading: 'Your password was set.', text: 'You can use it the next time you sign in.' },
    'password-removed': {
      heading: 'Your password was removed.',
      text: 'Only your passkeys sign you in now. You are signed out in all other browsers.',
    },
    email: {
      heading: 'We sent an e-mail to the new address.',
      text: 'Open the link in it to confirm the address.',
    },
    recovered: {
      heading: 'You are back in your account.',
      text: 'If you have lost one of the keys below, remove it, so that nobody can sign in with it.',
    },
    renamed: { heading: 'The key was renamed.', text: '' },
    removed: { heading: 'The key was removed.', text: 'It can no longer sign you in.' },
    app: {
      heading: 'Your authenticator app is set up.',
      text: 'After your password, we will ask you for a code from it. Create recovery codes below in case you lose it.',
    },
    'app-removed': { heading: 'The authenticator app was removed.', text: 'We no longer ask for its codes.' },
  }),
);

/** What the security page shows in one of its forms. */
interface SecurityForm {
  faults?: Record<string, string>;
  typedName?: string | undefined;
  /** The key that was given that name. */
  typedKey?: string | undefined;
}

/** For this time after an invitation was used, the page welcomes its user: it is where a sign-up ends. */
const WELCOME_MS = 5 * 60_000;

function welcome({ invitations, pending_email: pending }: Profile) {
  const last = invitations.at(-1);
  if (!last || Date.now() - Date.parse(last.redeemed_at) > WELCOME_MS) return undefined;
  const heading =
    invitations.length === 1 ? 'Your account is ready.' : 'Your account has what the invitation gives.';
  const text = pending ? `Open the link that we sent to ${pending} to confirm your e-mail address.` : '';
  return { heading, text, link: { url: '/', label: 'Go to your applications' } };
}

/**
 * The page that shows how the account is protected, with the form that changes the password. Its forms for keys, the
 * authenticator app and recovery codes are in `passkeys.ts` and `factors.ts`.
 */
export function createSecurityPage(router: Router, deps: SecurityPageDeps): void {
  const { signedIn, showPage, pendingActions, freshSignIn } = deps;

  const factorPages = createFactorPages(router, {
    ...deps.factors,
    freshSignIn,
    pendingActions,
    signedIn,
    showPage,
    showSecurity,
    nav: deps.navOf,
  });

  async function showSecurity(
    ctx: Context,
    user: SignedInUser,
    { faults = {}, typedName, typedKey }: SecurityForm = {},
  ): Promise<void> {
    const profile = await deps.profile(user.accountId);
    const { script: passkeys, ...factors } = await factorPages.pageData(ctx, user);
    const { has_password: hasPassword, email, email_verified: isVerified, pending_email: pending } = profile;
    const { sendsMail } = deps.recovery;
    const protection = {
      ...factors,
      hasPassword,
      signInServices: await deps.listSignInServices(user.accountId),
      email: { address: pending ?? email, isConfirmed: isVerified && pending === null, sendsMail },
    };
    showPage(ctx, 'account/security', {
      passkeys,
      factors,
      missing: findMissing(protection),
      protection: describeSignIn(protection),
      hasConnections: protection.signInServices.length > 0,
      passwordPage: PASSWORD,
      csrfOfPassword: user.csrf(PASSWORD),
      notice: NOTICES.get(String(ctx.query.done)) ?? welcome(profile),
      title: 'Security',
      bodyClass: 'wide',
      nav: deps.navOf(user),
      alert: Object.values(faults)[0],
      faults,
      typedName,
      typedKey,
      action: SECURITY,
      csrf: user.csrf(SECURITY),
      profile,
      sendsMail,
    });
  }

  router.get(
    SECURITY,
    signedIn.page(async (ctx, user) => {
      const { act, key, name } = user.typed ?? {};
      await showSecurity(ctx, user, act === 'rename' ? { typedName: name, typedKey: key } : {});
      pendingActions.forget(ctx);
    }),
  );

  router.post(
    SECURITY,
    signedIn.form(async (ctx, user, { current = '', password = '' }) => {
      const { accountId, sessionUid } = user;
      const { origin } = currentUnit();
      try {
        const browserHash = deps.browserCookie.read(ctx).hash;
        await deps.changePassword({ accountId, current, password, browserHash, sessionUid, origin });
      } catch (error) {
        // Caught here, so that what slows guessing is written with the answer.
        if (!(error instanceof LatchkeyError) || Object.keys(error.faults).length === 0) throw error;
        ctx.status = error.status;
        return showSecurity(ctx, user, { faults: error.faults });
      }
      await deps.rotateSession(ctx);
      seeOther(ctx, `${SECURITY}?done=password`);
    }),
  );
}
