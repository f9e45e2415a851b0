import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import { describeNotice } from '../identity/mail/security-notices.ts';
import type { Dispute } from '../identity/recovery/disputes.ts';
import type { Recovery } from '../identity/recovery/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { signInUrl } from '../oidc/clients/own-client.ts';
import type { CsrfTokens } from '../web/csrf.ts';
import { readForm } from '../web/form-body.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { showLinkExpired, shownLink, takeToken } from './mailed-links.ts';

export interface NotMePagesDeps {
  issuer: string;
  recovery: Pick<Recovery, 'findNotice' | 'disputeChange'>;
  forms: CsrfTokens;
  showPage: ShowPage;
  /** Keeps the token of the link. */
  noticeCookie: SealedCookie;
}

const PATH = '/not-me';
const SECURITY = '/account/security';

/** `/not-me`, the link of mail about changes. No GET changes anything: programs that scan mail follow links. */
export function createNotMePages(router: Router, deps: NotMePagesDeps): void {
  const { recovery, forms, noticeCookie, showPage } = deps;

  function showExpired(ctx: Context): void {
    noticeCookie.clear(ctx);
    showLinkExpired(ctx, showPage, { canRequest: true });
  }

  router.get(PATH, async (ctx) => {
    const { token } = ctx.query;
    if (typeof token === 'string' && token !== '') return takeToken(ctx, noticeCookie, PATH, token);
    const link = noticeCookie.read(ctx) ?? '';
    const notice = await recovery.findNotice(link);
    if (!notice) return showExpired(ctx);
    showPage(ctx, 'recovery/not-me', {
      title: 'Was this not you?',
      csrf: forms.issue(ctx, 'not-me'),
      shown: forms.issue(ctx, shownLink(link)),
      accountName: notice.username,
      what: describeNotice(notice.event),
      isPresentAddress: notice.isPresentAddress,
      isAboutKey: notice.keyId !== null,
      isAboutConnection: notice.event.startsWith('connection_'),
    });
  });

  router.post(PATH, async (ctx) => {
    const { csrf, shown } = await readForm(ctx);
    forms.check(ctx, 'not-me', csrf);
    const link = noticeCookie.read(ctx) ?? '';
    if (link !== '' && !forms.matches(ctx, shownLink(link), shown)) return seeOther(ctx, PATH);
    let done: Dispute;
    try {
      done = await recovery.disputeChange(link, currentUnit().origin);
    } catch (error) {
      if (error instanceof LatchkeyError && error.code === 'link_expired') return showExpired(ctx);
      throw error;
    }
    noticeCookie.clear(ctx);
    showPage(ctx, 'recovery/not-me-done', {
      title: 'Your account is signed out everywhere',
      ...done,
      signInUrl: signInUrl(deps.issuer, SECURITY, { prompt: 'login' }),
    });
  });
}
