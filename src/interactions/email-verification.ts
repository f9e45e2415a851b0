import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Recovery } from '../identity/recovery/index.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import type { CsrfTokens } from '../web/csrf.ts';
import { readForm } from '../web/form-body.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { showLinkExpired, shownLink, succeeds, takeToken } from './mailed-links.ts';

export interface EmailVerificationPagesDeps {
  issuer: string;
  recovery: Pick<Recovery, 'findVerificationLink' | 'verifyEmail'>;
  forms: CsrfTokens;
  showPage: ShowPage;
  /** Keeps the token of the link. */
  verifyCookie: SealedCookie;
  /** The session of this browser, without an account when its user has to sign in again. */
  sessionOf(ctx: Context): Promise<{ accountId?: string }>;
}

const TITLE = 'Confirm your e-mail address';

/**
 * `/verify`. No GET changes anything: programs that scan mail follow links. The address is confirmed for people who are
 * signed in to the account. The owner of the mailbox alone could be made to confirm it for an account of somebody else.
 */
export function createEmailVerificationPages(router: Router, deps: EmailVerificationPagesDeps): void {
  const { recovery, forms, verifyCookie, showPage } = deps;

  function showExpired(ctx: Context): void {
    verifyCookie.clear(ctx);
    showLinkExpired(ctx, showPage, { canRequest: false });
  }

  /** @returns the link and the account of the session if it is the link's; otherwise shows another page */
  async function findLink(ctx: Context) {
    const token = verifyCookie.read(ctx) ?? '';
    const link = await recovery.findVerificationLink(token);
    if (!link) return showExpired(ctx);
    const { accountId } = await deps.sessionOf(ctx);
    if (accountId === link.accountId) return { token, accountId, link };
    const { username, email, canReset } = link;
    showPage(ctx, 'recovery/sign-in-to-confirm', {
      title: TITLE,
      accountName: username,
      email,
      canReset,
      signInUrl: signInUrl(deps.issuer, '/verify', { prompt: 'login', login_hint: username }),
    });
  }

  router.get('/verify', async (ctx) => {
    const { token } = ctx.query;
    if (typeof token === 'string' && token !== '') return takeToken(ctx, verifyCookie, '/verify', token);
    const found = await findLink(ctx);
    if (!found) return;
    const { token: link } = found;
    const { username, email } = found.link;
    showPage(ctx, 'recovery/confirm-email', {
      title: TITLE,
      csrf: forms.issue(ctx, 'verify'),
      shown: forms.issue(ctx, shownLink(link)),
      accountName: username,
      email,
    });
  });

  router.post('/verify', async (ctx) => {
    const { csrf, shown } = await readForm(ctx);
    forms.check(ctx, 'verify', csrf);
    const found = await findLink(ctx);
    if (!found) return;
    const { token, accountId } = found;
    if (!forms.matches(ctx, shownLink(token), shown)) return seeOther(ctx, '/verify');
    if (!(await succeeds(() => recovery.verifyEmail(token, accountId, currentUnit().origin))))
      return showExpired(ctx);
    verifyCookie.clear(ctx);
    seeOther(ctx, '/verify/done');
  });

  router.get('/verify/done', (ctx) =>
    showPage(ctx, 'recovery/done', {
      title: 'Your e-mail address is confirmed',
      heading: 'Your e-mail address is confirmed',
      lede: 'We use it when you forget your password, and to tell you about changes to your account.',
      accountUrl: '/account/security',
    }),
  );
}
