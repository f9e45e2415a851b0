import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import { emailField } from '../identity/fields.ts';
import type { Recovery } from '../identity/recovery/index.ts';
import type { LinkOwner } from '../identity/recovery/links.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import type { CsrfTokens } from '../web/csrf.ts';
import { readForm } from '../web/form-body.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { InvitationDeps } from './invitation.ts';
import { showLinkExpired, shownLink, succeeds, takeToken } from './mailed-links.ts';

export interface RecoveryPagesDeps extends Pick<InvitationDeps, 'passwordFault'> {
  issuer: string;
  recovery: Recovery;
  forms: CsrfTokens;
  showPage: ShowPage;
  /** Whether people without a password can recover their account by e-mail. */
  recoversByEmail: boolean;
  /** Keep the token of the link, and the interaction from which the user asked for a link. */
  cookies: { reset: SealedCookie; request: SealedCookie };
  /** Stops floods of mail, whether the address is known or not. @throws LatchkeyError */
  limitMail(email: string): Promise<void>;
}

const OTHER_LINK =
  'Another link was opened in this browser. Check the account above, and enter its new password';

const UID = /^[\w-]{20,64}$/;

/** `/forgot` and `/reset`. No GET changes anything: programs that look through mail follow links. */
export function createRecoveryPages(router: Router, deps: RecoveryPagesDeps): void {
  const { recovery, forms, cookies } = deps;

  function show(ctx: Context, view: string, data: Record<string, unknown>): void {
    deps.showPage(ctx, `recovery/${view}`, data);
  }

  function showExpired(ctx: Context): void {
    cookies.reset.clear(ctx);
    showLinkExpired(ctx, deps.showPage, { canRequest: true });
  }

  function showForgot(ctx: Context, alert?: string, typed = ''): void {
    if (!recovery.sendsMail) {
      show(ctx, 'mail-off', { title: 'This server cannot send e-mail' });
      return;
    }
    if (alert) ctx.status = 400;
    show(ctx, 'request-link', {
      title: deps.recoversByEmail ? 'Get back into your account' : 'Forgot your password?',
      recoversByEmail: deps.recoversByEmail,
      csrf: forms.issue(ctx, 'forgot'),
      alert,
      typed,
    });
  }

  /** The link of the sign-in page. After the reset, the user continues this sign-in. */
  router.get('/interaction/:uid/forgot', (ctx) => {
    cookies.request.set(ctx, String(ctx.params.uid));
    seeOther(ctx, '/forgot');
  });

  router.get('/forgot', (ctx) => showForgot(ctx));

  router.post('/forgot', async (ctx) => {
    const fields = await readForm(ctx);
    if (!recovery.sendsMail) return showForgot(ctx);
    forms.check(ctx, 'forgot', fields.csrf);
    const typed = fields.email ?? '';
    const email = emailField.safeParse(typed);
    if (!email.success) return showForgot(ctx, email.error.issues[0]?.message, typed);
    await deps.limitMail(email.data);
    recovery.requestReset(email.data, currentUnit().origin);
    seeOther(ctx, '/forgot/sent');
  });

  router.get('/forgot/sent', (ctx) => show(ctx, 'link-sent', { title: 'Check your e-mail' }));

  function showReset(
    ctx: Context,
    link: string,
    { username, isUnconfirmed }: LinkOwner,
    alert?: string,
  ): void {
    if (alert) ctx.status = 400;
    show(ctx, 'set-password', {
      title: 'Set a new password',
      csrf: forms.issue(ctx, 'reset'),
      shown: forms.issue(ctx, shownLink(link)),
      accountName: username,
      isUnconfirmed,
      alert,
    });
  }

  router.get('/reset', async (ctx) => {
    const { token } = ctx.query;
    if (typeof token === 'string' && token !== '') return takeToken(ctx, cookies.reset, '/reset', token);
    const link = cookies.reset.read(ctx) ?? '';
    const owner = await recovery.findResetLink(link);
    return owner ? showReset(ctx, link, owner) : showExpired(ctx);
  });

  router.post('/reset', async (ctx) => {
    const { csrf, shown, password = '' } = await readForm(ctx);
    forms.check(ctx, 'reset', csrf);
    const token = cookies.reset.read(ctx) ?? '';
    const owner = await recovery.findResetLink(token);
    if (!owner) return showExpired(ctx);
    if (!forms.matches(ctx, shownLink(token), shown)) return showReset(ctx, token, owner, OTHER_LINK);
    const fault =
      password === ''
        ? 'Enter a password'
        : password.length > 256
          ? 'Use at most 256 characters'
          : deps.passwordFault(password, owner);
    if (fault !== undefined) return showReset(ctx, token, owner, fault);
    if (!(await succeeds(() => recovery.resetPassword(token, password, currentUnit().origin))))
      return showExpired(ctx);
    cookies.reset.clear(ctx);
    seeOther(ctx, owner.isUnconfirmed ? '/reset/done?confirmed=on' : '/reset/done');
  });

  router.get('/reset/done', (ctx) => {
    const uid = cookies.request.read(ctx);
    show(ctx, 'done', {
      title: 'Your new password is set',
      heading: 'Your new password is set',
      lede:
        ctx.query.confirmed === 'on'
          ? 'Your e-mail address is confirmed, and everything that was set up on the account before has been removed. Sign in with your new password.'
          : 'Your account is signed out everywhere. Sign in with your new password.',
      signInUrl:
        uid !== undefined && UID.test(uid) ? `/interaction/${uid}` : signInUrl(deps.issuer, '/account'),
    });
  });
}
