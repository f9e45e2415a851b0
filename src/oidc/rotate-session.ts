import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { deriveAcr } from '../access/acr.ts';
import type { IssuerScope } from '../web/issuer-scope.ts';
import { renewSessionId } from './engine/internals.ts';

/**
 * Gives the browser's session a new id after a change of credentials: a stolen copy of the old cookie ends.
 * @param options `addMethod`: a factor that the user has shown in this session (RFC 8176)
 */
export async function rotateSession(
  provider: Provider,
  scope: IssuerScope,
  ctx: Context,
  options: { addMethod?: string } = {},
): Promise<void> {
  const session = await provider.Session.get(ctx);
  if (options.addMethod) {
    session.amr = [...new Set([...(session.amr ?? []), options.addMethod, 'mfa'])];
    session.acr = deriveAcr(session.amr);
  }
  const id = await renewSessionId(session);
  ctx.cookies.set(provider.cookieName('session'), id, {
    ...scope.sessionCookie,
    overwrite: true,
    expires: new Date(session.exp * 1000),
  });
}
