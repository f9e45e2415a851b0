import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import type { IssuerScope } from '../web/issuer-scope.ts';
import { renewSessionId } from './engine-internals.ts';

/** Gives the browser's session a new id after a change of credentials: a stolen copy of the old cookie ends. */
export async function rotateSession(provider: Provider, scope: IssuerScope, ctx: Context): Promise<void> {
  const session = await provider.Session.get(ctx);
  const id = await renewSessionId(session);
  ctx.cookies.set(provider.cookieName('session'), id, {
    httpOnly: true,
    sameSite: 'lax',
    secure: scope.secure,
    path: scope.cookiePath,
    signed: true,
    overwrite: true,
    expires: new Date(session.exp * 1000),
  });
}
