import type Router from '@koa/router';
import { z } from 'zod';
import { parse } from '../kit/parse.ts';
import type { Traces } from '../oidc/trace/index.ts';
import { STEP_NAMES } from '../oidc/trace/story.ts';
import { HEADINGS } from '../oidc/trace/story-lines.ts';
import { describeUnrecorded } from '../oidc/trace/unrecorded.ts';
import type { ConsoleDeps, ConsoleLayout } from './sections.ts';

export interface TracePagesDeps extends ConsoleDeps {
  traces: Pick<Traces, 'list'>;
}

const PATH = '/admin/trace';
const SCOPE = 'latchkey:audit.read';
const PAGE_SIZE = 20;

const FILTERS = [
  ['all', 'All attempts'],
  ['stopped', 'Did not connect'],
  ['connected', 'Connected'],
];

const queryInput = z.object({
  show: z.enum(['all', 'stopped', 'connected'], 'Choose one of the kinds of attempts').default('all'),
  client: z.string().max(255, 'A client_id has at most 255 characters').optional(),
  account: z.string().max(255, 'A username has at most 255 characters').optional(),
  after: z.uuid('The list cannot continue from there. Start again at the latest attempts').optional(),
});

/** The page that says why applications did not connect: what `latchkey trace` prints. */
export function createTracePages(router: Router, layout: ConsoleLayout, deps: TracePagesDeps): void {
  router.get(
    PATH,
    deps.signedIn.page(async (ctx, user) => {
      const { client, account, show, after } = parse(queryInput, {
        client: ctx.query.client || undefined,
        account: ctx.query.account || undefined,
        show: ctx.query.show || undefined,
        after: ctx.query.after || undefined,
      });
      const { stories, unrecorded, next } = await deps.traces.list({
        clientId: client,
        account,
        show,
        after,
        limit: PAGE_SIZE,
      });
      const filter = new URLSearchParams({ show, client: client ?? '', account: account ?? '' });
      layout.show(ctx, user, PATH, 'trace', {
        title: 'Attempts to connect',
        action: PATH,
        stories,
        omitted: describeUnrecorded(unrecorded),
        headings: HEADINGS,
        stepNames: STEP_NAMES,
        filters: FILTERS,
        typed: { client: client ?? '', account: account ?? '' },
        show,
        latestUrl: after === undefined ? undefined : `${PATH}?${filter}`,
        nextUrl: next === undefined ? undefined : `${PATH}?${filter}&${new URLSearchParams({ after: next })}`,
      });
    }, SCOPE),
  );
}
