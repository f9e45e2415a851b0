import type Router from '@koa/router';
import { z } from 'zod';
import type { AccountEvent, History } from '../audit/history.ts';
import { nameBrowser } from '../identity/sessions/browser-name.ts';
import type { Places } from '../identity/sessions/places.ts';
import { parse } from '../kit/parse.ts';
import type { ShowPage } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { describeEvent, GROUPS, isByApplication, shownActions } from './activity-sentences.ts';

export interface ActivityPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  history: History;
  places: Places;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/activity';
const PAGE_SIZE = 30;

const FILTERS = [
  ['all', 'Everything'],
  ['sign-ins', 'Signing in and out'],
  ['security', 'Keys, password and account'],
  ['applications', 'Applications'],
];

const queryInput = z.object({
  show: z.enum(['all', ...GROUPS], 'Choose one of the kinds of activity').default('all'),
  before: z.uuid('The list cannot continue from there. Start again at the latest activity').optional(),
});

/** The page that tells users what happened in their account. */
export function createActivityPage(router: Router, deps: ActivityPageDeps): void {
  /** Where it came from, such as "Firefox on Linux, Lisbon"; undefined for operators and servers of applications. */
  async function findOrigin(event: AccountEvent): Promise<{ browser?: string; place?: string; ip?: string }> {
    if (isByApplication(event) || event.ip === null) return {};
    const place = await deps.places.find(event.ip);
    return {
      ...(event.userAgent === null ? {} : { browser: nameBrowser(event.userAgent) }),
      ...(place === undefined ? { ip: event.ip } : { place }),
    };
  }

  router.get(
    PATH,
    deps.signedIn.page(async (ctx, user) => {
      const { show, before } = parse(queryInput, {
        show: ctx.query.show || undefined,
        before: ctx.query.before || undefined,
      });
      const { accountId } = user;
      const { events, next } = await deps.history.list({
        accountId,
        actions: shownActions(show === 'all' ? undefined : show),
        before,
        limit: PAGE_SIZE,
      });
      const shown = events.map(async (event) => ({
        at: event.at,
        text: describeEvent(event, accountId),
        ...(await findOrigin(event)),
      }));
      const filter = show === 'all' ? '' : `?show=${show}`;
      deps.showPage(ctx, 'account/activity', {
        title: 'Activity',
        bodyClass: 'wide',
        nav: deps.navOf(user, PATH),
        events: await Promise.all(shown),
        filters: FILTERS,
        show,
        action: PATH,
        latestUrl: before === undefined ? undefined : `${PATH}${filter}`,
        nextUrl: next === undefined ? undefined : `${PATH}?${new URLSearchParams({ show, before: next })}`,
      });
    }),
  );
}
