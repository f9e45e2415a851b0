import type { Context } from 'koa';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { showError } from '../web/errors.ts';
import type { ShowPage } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import type { EngineClient } from './clients/client-document.ts';
import { createDeviceResultPages } from './device-pages.ts';
import { type EngineError, isForgedSignOut, isUnregisteredTarget } from './engine/errors.ts';
import { signOutNow, signOutState } from './engine/internals.ts';
import type { EnginePages } from './engine-deps.ts';
import { type ErrorText, textOf } from './error-page-texts.ts';
import { findStoredAccount } from './storage/accounts.ts';
import { describeUntrusted } from './untrusted-redirects.ts';
import type { WayBackService } from './way-back.ts';

/**
 * Whether the request has an ID token (`id_token_hint`, validated by the engine) from the sign-in of this session, for an
 * application that the user reached with it. RP-Initiated Logout section 2.
 */
function isOfSession(ctx: KoaContextWithOIDC): boolean {
  const { session, client, entities } = ctx.oidc;
  const { sub, auth_time } = entities.IdTokenHint?.payload ?? {};
  if (!session?.accountId || !client || session.accountId !== sub) return false;
  return session.loginTs === auth_time && session.authorizations?.[client.clientId] !== undefined;
}

/** The application that a sign-out page names, if it names one. */
const nameClient = ({ oidc: { client } }: KoaContextWithOIDC) => ({
  clientName: client?.clientName,
  isUnchecked: client !== undefined && !isVetted(client as unknown as EngineClient),
});

/** The user can still sign out, and then stays here. */
function unregisteredTarget(ctx: KoaContextWithOIDC): ErrorText & { back?: { url: string; label: string } } {
  const { client, session, params } = ctx.oidc;
  const name = client?.clientName ?? client?.clientId;
  const advice = `Tell the people who make ${name}: its post-logout redirect URI must be registered on this server.`;
  const reason = `${name} asked to send you on to an address that is not registered here, so you stay here.`;
  if (!session?.accountId) return { heading: 'You are signed out', lede: reason, advice };
  const known = Object.entries({ client_id: client?.clientId, id_token_hint: params?.id_token_hint });
  const query = new URLSearchParams(
    known.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const back = { url: `/session/end?${query}`, label: 'Sign out' };
  return { heading: 'You are not signed out yet', lede: reason, advice, back };
}

/** The pages that the engine asks for: errors, and before and after signing out. */
export function createEnginePages(showPage: ShowPage, wayBack: WayBackService): EnginePages {
  const error: EnginePages['error'] = async (ctx, out, cause) => {
    if (isForgedSignOut(cause as EngineError)) ctx.status = 403;
    if (isUnregisteredTarget(cause as EngineError))
      return showError(ctx as unknown as Context, showPage, unregisteredTarget(ctx));
    const isExpired = cause instanceof errors.SessionNotFound;
    const koaContext = ctx as unknown as Context;
    const isSignOut = koaContext.path.startsWith('/session/end');
    showError(koaContext, showPage, {
      ...textOf(isExpired ? 'expired' : out.error, out.error_description, isSignOut),
      back: isExpired ? await wayBack.find(koaContext, ctx.oidc.provider) : undefined,
      ...describeUntrusted(ctx, out, cause),
    });
  };
  return {
    error,
    ...createDeviceResultPages(showPage, error),
    async signOut(ctx) {
      const { session } = ctx.oidc;
      // Only someone who was signed in by this session can have the token: the proof that a link on another site lacks.
      if (isOfSession(ctx)) return signOutNow(ctx);
      const account = session?.accountId ? await findStoredAccount(session.accountId) : undefined;
      const state = signOutState(ctx);
      allowFormTarget(ctx as unknown as Context, state?.postLogoutRedirectUri);
      showPage(ctx as unknown as Context, 'sign-out/confirm', {
        title: 'Sign out?',
        action: '/session/end/confirm',
        xsrf: state?.secret,
        ...nameClient(ctx),
        accountName: account?.username,
      });
    },
    async signedOut(ctx) {
      const session = await ctx.oidc.provider.Session.get(ctx as never);
      const account = session.accountId ? await findStoredAccount(session.accountId) : undefined;
      showPage(ctx as unknown as Context, 'sign-out/done', {
        title: account ? 'You are still signed in' : 'You are signed out',
        ...nameClient(ctx),
        accountName: account?.username,
      });
    },
  };
}
