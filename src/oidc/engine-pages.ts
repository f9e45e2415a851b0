import type { Context } from 'koa';
import { errors } from 'oidc-provider';
import { type Render, showError } from '../web/error-page.ts';
import { allowFormTarget } from '../web/security.ts';
import { findAccount } from './claims.ts';
import { type EngineError, isForgedSignOut, signOutState } from './engine-internals.ts';
import type { EnginePages } from './provider.ts';

/** What a person reads for a protocol error: what happened, whether anything changed, what to do. */
const WORDS: Record<string, { heading: string; lede: string; advice: string }> = {
  invalid_redirect_uri: {
    heading: 'This application sent you here with an address we do not know',
    lede: 'Nothing was changed, and nobody was signed in.',
    advice: 'Its makers must put this right: the redirect address has to be registered here.',
  },
  invalid_client: {
    heading: 'We do not know this application',
    lede: 'Nothing was changed, and nobody was signed in.',
    advice: 'It may have been removed here. Ask the people who run it.',
  },
  expired: {
    heading: 'This sign-in has ended',
    lede: 'Nothing was changed, and nobody was signed in.',
    advice: 'Go back to the application that you want to use and start again there.',
  },
};
const OTHER = {
  heading: 'This request could not be completed',
  lede: 'Nothing was changed, and nobody was signed in.',
  advice: 'Go back to the application and start again there.',
};

/** The engine's pages: errors, the question before signing out, and after. */
export function createEnginePages(render: Render): EnginePages {
  return {
    error(ctx, out, error) {
      if (isForgedSignOut(error as EngineError)) ctx.status = 403;
      const gone = error instanceof errors.SessionNotFound;
      showError(
        ctx as unknown as Context,
        render,
        WORDS[gone ? 'expired' : out.error] ?? {
          ...OTHER,
          advice: out.error_description
            ? `${OTHER.advice} Its makers may want to know: ${out.error}, ${out.error_description}.`
            : OTHER.advice,
        },
      );
    },
    async signOut(ctx) {
      const { session, client } = ctx.oidc;
      const account = session?.accountId ? await findAccount(session.accountId) : undefined;
      const state = signOutState(ctx);
      allowFormTarget(ctx as unknown as Context, state?.postLogoutRedirectUri);
      ctx.type = 'html';
      ctx.body = render('sign-out/confirm', {
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
      ctx.type = 'html';
      ctx.body = render('sign-out/done', {
        title: account ? 'You are still signed in' : 'You are signed out',
        clientName: ctx.oidc.client?.clientName,
        accountName: account?.username,
      });
    },
  };
}
