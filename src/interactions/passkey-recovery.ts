import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Recovery } from '../identity/recovery/index.ts';
import { linkExpired } from '../identity/recovery/links.ts';
import { OWN_CLIENT_ID, signInUrl } from '../oidc/clients/own-client.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { Details, Interactions } from './interaction.ts';

/** Where the browser returns after the sign-in. It redirects to the keys of the account. */
const PAGE = '/account/recover';
const SECURITY = '/account/security';

export interface RecoverDeps {
  issuer: string;
  interactions: Interactions;
  recoveryCookie: SealedCookie;
  findRecoveryLink: Recovery['findRecoveryLink'];
  showPage: ShowPage;
}

/** Whether this sign-in began with a link for people who have lost every key. */
export const isRecovering = ({ params }: Details) =>
  params.client_id === OWN_CLIENT_ID && params.state === PAGE;

/** Account recovery with an administrator's link: a sign-in to our own pages at which the user creates a new key. */
export function createRecoverSteps(router: Router, deps: RecoverDeps): void {
  const { interactions, recoveryCookie } = deps;

  // Moves the token from the address bar to a cookie. Opening the link does not use it up.
  router.get('/recover', (ctx) => {
    const { token } = ctx.query;
    if (typeof token === 'string' && token !== '') recoveryCookie.set(ctx, token);
    ctx.set('Referrer-Policy', 'no-referrer');
    seeOther(ctx, signInUrl(deps.issuer, PAGE, { prompt: 'login' }));
  });
  router.get(PAGE, (ctx) => seeOther(ctx, `${SECURITY}?done=recovered`));

  router.get('/interaction/:uid/recover', async (ctx: Context) => {
    const details = await interactions.load(ctx);
    const bearer = await deps.findRecoveryLink(recoveryCookie.read(ctx) ?? '');
    if (!bearer) {
      recoveryCookie.clear(ctx);
      throw linkExpired();
    }
    const { action, passkeys } = await interactions.common(ctx, details);
    deps.showPage(ctx, 'interactions/passkey-recovery', {
      title: 'Get back into your account',
      accountName: bearer.username,
      needsRecoveryCode: bearer.needsRecoveryCode,
      passkeys,
      signInUrl: `${action}?step=sign-in`,
    });
  });
}
