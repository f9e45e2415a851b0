import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute } from './routes.ts';

const FORM_TYPES = { 'same-origin': 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Rejects forms that another site sent (cross-site request forgery). Browsers name the origin of every POST. The content
 * type is checked, too, because a form of another site cannot send JSON.
 * @param issuer at the only origin whose forms are accepted
 */
export function requireSameOrigin(issuer: string): Middleware {
  const own = new URL(issuer).origin;
  return (ctx, next) => {
    const { form, maxUpload } = (ctx.method === 'POST' ? findRoute(ctx.path) : undefined) ?? {};
    if (form === 'same-origin' || form === 'json') {
      const origin = ctx.get('origin');
      const site = ctx.get('sec-fetch-site');
      const isForeign = (origin !== '' && origin !== own) || (site !== '' && site !== 'same-origin');
      // The browser compares the page with this server: it is our own page, opened under another name.
      if (isForeign && (site === 'same-origin' || URL.parse(origin)?.host === ctx.get('host')))
        throw new LatchkeyError(
          'forbidden',
          'form_at_other_address',
          `This page was not opened at the address of this server. Open ${issuer} and start again there.`,
        );
      // The content type does not protect an upload, since other sites can send multipart forms too. The Origin header
      // and the form token do.
      const isUpload = maxUpload !== undefined && ctx.is('multipart/form-data');
      if (isForeign || !(isUpload || ctx.is(FORM_TYPES[form])))
        throw new LatchkeyError(
          'forbidden',
          'form_from_elsewhere',
          'This form was sent from another site. Go back, reload the page and try again.',
        );
    }
    return next();
  };
}
