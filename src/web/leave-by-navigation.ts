import type { Context, Middleware } from 'koa';
import type { ShowPage } from './respond.ts';

/** Whether a browser sent this form by itself, and not a script or another client. */
const isSubmittedForm = (ctx: Context) => ctx.method === 'POST' && ctx.get('sec-fetch-mode') === 'navigate';

/** Remembers where the browser goes once the authorization request of this step is complete. */
export function setDestination(ctx: Context, redirectUri: string): void {
  ctx.state.destination = redirectUri;
}

/** Whether the redirect leads to another origin, or to the engine, which may answer with one that does. */
function leadsAway(ctx: Context, issuer: string): boolean {
  const target = URL.parse(ctx.response.get('location'), issuer);
  if (target?.origin !== issuer) return true;
  return target.pathname.startsWith('/auth/') && URL.parse(ctx.state.destination)?.origin !== issuer;
}

/**
 * Ends a form on our own origin before the browser leaves for an application. Browsers hold the Content-Security-Policy's
 * `form-action` against every redirect that follows a form, also against those of the application's own sites, which no
 * policy of ours can list. So the form is answered with a page, from which the browser goes on by itself, without
 * JavaScript: that is a navigation of its own.
 *
 * Clients that do not announce a navigation (Fetch Metadata) hold no policy against redirects, and get the redirect.
 */
export function leaveByNavigation(deps: { issuer: string; showPage: ShowPage }): Middleware {
  return async (ctx, next) => {
    await next();
    if (ctx.status !== 303 || !isSubmittedForm(ctx) || !leadsAway(ctx, deps.issuer)) return;
    const url = ctx.response.get('location');
    ctx.remove('Location');
    ctx.set('Refresh', `0; url=${url}`);
    ctx.status = 200;
    deps.showPage(ctx, 'leaving', { title: 'Continue', url });
  };
}
