import type Router from '@koa/router';
import { createInvitationPages, type InvitationPagesDeps } from './invitation-pages.ts';
import { createConsoleLayout } from './sections.ts';

/** Every page of the console. */
export function createConsolePages(router: Router, deps: InvitationPagesDeps) {
  const layout = createConsoleLayout(router, deps);
  createInvitationPages(router, layout, deps);
  return { mayAdminister: layout.mayAdminister };
}
