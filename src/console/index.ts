import type Router from '@koa/router';
import { createInvitationPages, type InvitationPagesDeps } from './invitation-pages.ts';
import { createConsoleLayout } from './sections.ts';
import { createServicePages, type ServicePagesDeps } from './service-pages.ts';
import { createSigningKeyPages, type SigningKeyPagesDeps } from './signing-key-pages.ts';
import { createTracePages, type TracePagesDeps } from './trace-pages.ts';

/** Every page of the console. */
export function createConsolePages(
  router: Router,
  deps: InvitationPagesDeps & SigningKeyPagesDeps & TracePagesDeps & ServicePagesDeps,
): void {
  const layout = createConsoleLayout(router, deps);
  createInvitationPages(router, layout, deps);
  createServicePages(router, layout, deps);
  createSigningKeyPages(router, layout, deps);
  createTracePages(router, layout, deps);
}
