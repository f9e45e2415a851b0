import type Router from '@koa/router';
import type { UserSession, UserSessions } from '../identity/sessions/service.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';

export interface SessionPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  sessions: Pick<UserSessions, 'listOwn' | 'end' | 'endAll'>;
  freshSignIn: Pick<FreshSignIn, 'requireFactors' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/sessions';
const END = `${PATH}/end`;
/** The value of the field `session` that stands for every session but the one that sends it. */
const OTHERS = 'others';

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, string>(
  Object.entries({
    ended: 'That browser is signed out.',
    others: 'You are signed out everywhere else.',
  }),
);

/** @param amr methods (RFC 8176) @returns such as "a password and a security key"; undefined if none of them is known */
function describeFactors(amr: string[]): string | undefined {
  const hasKey = amr.includes('hwk') || amr.includes('swk');
  const hasPassword = amr.includes('pwd');
  const names = [
    hasPassword ? 'a password' : undefined,
    hasKey ? (hasPassword ? 'a security key' : 'a passkey') : undefined,
    amr.includes('otp') ? 'a one-time code' : undefined,
  ].filter((name) => name !== undefined);
  return names.length > 0 ? names.join(' and ') : undefined;
}

/** The page that lists the browsers in which the user is signed in, and ends their sessions. */
export function createSessionPage(router: Router, deps: SessionPageDeps): void {
  const { signedIn, sessions, freshSignIn } = deps;

  const toShown = (session: UserSession & { isCurrent: boolean }) => ({
    ...session,
    factors: describeFactors(session.amr),
  });

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const list = (await sessions.listOwn(user.accountId, user.sessionUid)).map(toShown);
      deps.showPage(ctx, 'account/sessions', {
        title: 'Sessions',
        bodyClass: 'wide',
        nav: deps.navOf(user, PATH),
        notice: NOTICES.get(String(ctx.query.done)),
        sessions: [...list.filter(({ isCurrent }) => isCurrent), ...list.filter((one) => !one.isCurrent)],
        action: END,
        csrf: user.csrf(END),
        others: OTHERS,
      });
    }),
  );

  /** What the form does, as the end of "Confirm it is you to …". */
  async function describeAction(user: SignedInUser, { session }: Record<string, string>): Promise<string> {
    if (session === OTHERS) return 'sign out everywhere else';
    const list = await sessions.listOwn(user.accountId, user.sessionUid);
    const found = list.find(({ id }) => id === session);
    return found ? `sign out “${found.browser}”` : 'sign out another browser';
  }

  router.post(
    END,
    signedIn.form(
      freshSignIn.requireFactors(
        describeAction,
        async (ctx, { accountId, sessionUid }, { session = '' }, origin) => {
          const actor = { accountId };
          if (session === OTHERS) await sessions.endAll(actor, accountId, { exceptUid: sessionUid }, origin);
          else await sessions.end(actor, accountId, session, origin);
          seeOther(ctx, `${PATH}?done=${session === OTHERS ? 'others' : 'ended'}`);
        },
      ),
    ),
  );
}
