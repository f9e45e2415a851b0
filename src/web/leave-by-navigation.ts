import type { Context, Middleware } from 'koa';
import { issuerScope } from './issuer-scope.ts';
import type { ShowPage } from './respond.ts';

/** Added to the address of an authorization request that continues after a form. */
const AFTER_FORM = 'after=form';

/** Whether a browser sent this form by itself, and not a script or another client (Fetch Metadata). */
const isSubmittedForm = (ctx: Context) => ctx.method === 'POST' && ctx.get('sec-fetch-mode') === 'navigate';

/**
 * Ends a form on our own origin before the browser leaves for an application. Browsers hold the Content-Security-Policy's
 * `form-action` against every redirect that follows a form, also against those of the application's own sites, which no
 * policy of ours can list. So the last redirect becomes a page from which the browser goes on by itself, without
 * JavaScript: that is a navigation of its own.
 *
 * Clients that do not announce a navigation hold no policy against redirects, and get the redirect.
 */
export function leaveByNavigation(deps: { issuer: string; showPage: ShowPage }): Middleware {
  const { origin } = new URL(deps.issuer);
  const resume = `${issuerScope(deps.issuer).base}/auth/`;
  return async (ctx, next) => {
    await next();
    const isForm = isSubmittedForm(ctx);
    if (ctx.status !== 303 || !(isForm || ctx.querystring === AFTER_FORM)) return;
    const target = URL.parse(ctx.response.get('location'), deps.issuer);
    if (target?.origin === origin) {
      // Here the engine decides whether another page of ours follows, or the application.
      if (isForm && target.pathname.startsWith(resume))
        ctx.set('Location', `${target.pathname}?${AFTER_FORM}`);
      return;
    }
    const url = ctx.response.get('location');
    ctx.remove('Location');
    ctx.set('Refresh', `0; url=${url}`);
    ctx.status = 200;
    deps.showPage(ctx, 'leaving', { title: 'Continue', url });
  };
}
