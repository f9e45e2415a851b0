import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Recovery } from '../identity/recovery/index.ts';
import { linkExpired } from '../identity/recovery/links.ts';
import { OWN_CLIENT_ID, signInUrl } from '../oidc/clients/own-client.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { Details, Interactions } from './interaction.ts';

/** Where the browser comes back to; it goes on to the keys of the account. */
const PAGE = '/account/recover';
const SECURITY = '/account/security';

export interface RecoverDeps {
  issuer: string;
  interactions: Interactions;
  held: SealedCookie;
  findRecoveryLink: Recovery['findRecoveryLink'];
  showPage: ShowPage;
}

/** Whether this sign-in began with a link for those who have lost every key. */
export const isRecovering = ({ params }: Details) =>
  params.client_id === OWN_CLIENT_ID && params.state === PAGE;

/** The way back in by a link of an administrator: a sign-in to our own pages, at which a new key is made. */
export function createRecoverSteps(router: Router, deps: RecoverDeps): void {
  const { interactions, held } = deps;

  // The token goes out of the address bar at once; looking uses nothing up.
  router.get('/recover', (ctx) => {
    const { token } = ctx.query;
    if (typeof token === 'string' && token !== '') held.set(ctx, token);
    ctx.set('Referrer-Policy', 'no-referrer');
    seeOther(ctx, signInUrl(deps.issuer, PAGE, { prompt: 'login' }));
  });
  router.get(PAGE, (ctx) => seeOther(ctx, SECURITY));

  router.get('/interaction/:uid/recover', async (ctx: Context) => {
    const details = await interactions.load(ctx);
    const bearer = await deps.findRecoveryLink(held.read(ctx) ?? '');
    if (!bearer) {
      held.clear(ctx);
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
