import type Router from '@koa/router';
import type { Context } from 'koa';
import { SIGNED_IN_PATH, signInUrl, toOwnPage } from '../oidc/clients/own-client.ts';
import { readForm } from '../web/form-body.ts';
import { seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';

/** Entry points for visitors who did not come from an application: invitation links, and visits to our own pages. */
export function createEntryPages(router: Router, deps: { issuer: string; invitationCookie: SealedCookie }) {
  const { issuer, invitationCookie } = deps;

  function enter(ctx: Context): void {
    seeOther(ctx, signInUrl(issuer, '/account/security', { prompt: 'create' }));
  }

  /** Moves the code of a link from the address bar to a cookie. Without a code, the next page asks for it. */
  router.get('/invitation', async (ctx) => {
    const { code } = ctx.query;
    if (typeof code === 'string' && code !== '') {
      invitationCookie.set(ctx, code);
    }
    enter(ctx);
  });

  router.post('/invitation', async (ctx) => {
    const { invitation_code: code } = await readForm(ctx);
    if (code) invitationCookie.set(ctx, code);
    enter(ctx);
  });

  router.get(SIGNED_IN_PATH, (ctx) => {
    seeOther(ctx, toOwnPage(ctx.query.state));
  });
}
