import type { Context } from 'koa';
import { errors } from 'oidc-provider';
import { showError } from '../web/errors.ts';
import type { ShowPage } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import { findAccount } from './claims.ts';
import { type EngineError, isForgedSignOut, signOutState } from './engine-internals.ts';
import type { EnginePages } from './provider.ts';

interface ErrorText {
  heading: string;
  lede: string;
  advice: string;
}

const NOTHING_CHANGED = 'Nothing was changed, and nobody was signed in.';

/** What to say for a protocol error: what happened, whether anything changed, and what to do next. */
const ERROR_TEXTS: Record<string, ErrorText> = {
  invalid_redirect_uri: {
    heading: 'This application sent you here with an address that is not registered',
    lede: NOTHING_CHANGED,
    advice: 'Tell the people who make the application: its redirect URI must be registered on this server.',
  },
  invalid_client: {
    heading: 'This application is not registered here',
    lede: NOTHING_CHANGED,
    advice: 'It may have been removed. Ask the people who run the application.',
  },
  expired: {
    heading: 'This sign-in has expired',
    lede: NOTHING_CHANGED,
    advice: 'Go back to the application you want to use and start again.',
  },
};

function textOf(error: string, description: string | undefined): ErrorText {
  const advice = 'Go back to the application and start again.';
  return (
    ERROR_TEXTS[error] ?? {
      heading: 'This request could not be completed',
      lede: NOTHING_CHANGED,
      advice: description
        ? `${advice} If it happens again, tell the people who make it: ${error}, ${description}.`
        : advice,
    }
  );
}

/** The pages that the engine asks for: errors, and before and after signing out. */
export function createEnginePages(showPage: ShowPage): EnginePages {
  return {
    error(ctx, out, error) {
      if (isForgedSignOut(error as EngineError)) ctx.status = 403;
      const isExpired = error instanceof errors.SessionNotFound;
      showError(
        ctx as unknown as Context,
        showPage,
        textOf(isExpired ? 'expired' : out.error, out.error_description),
      );
    },
    async signOut(ctx) {
      const { session, client } = ctx.oidc;
      const account = session?.accountId ? await findAccount(session.accountId) : undefined;
      const state = signOutState(ctx);
      allowFormTarget(ctx as unknown as Context, state?.postLogoutRedirectUri);
      showPage(ctx as unknown as Context, 'sign-out/confirm', {
        title: 'Sign out?',
        action: '/session/end/confirm',
        xsrf: state?.secret,
        clientName: client?.clientName,
        accountName: account?.username,
      });
    },
    async signedOut(ctx) {
      const session = await ctx.oidc.provider.Session.get(ctx as never);
      const account = session.accountId ? await findAccount(session.accountId) : undefined;
      showPage(ctx as unknown as Context, 'sign-out/done', {
        title: account ? 'You are still signed in' : 'You are signed out',
        clientName: ctx.oidc.client?.clientName,
        accountName: account?.username,
      });
    },
  };
}
