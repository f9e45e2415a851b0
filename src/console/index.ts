import type Router from '@koa/router';
import { type AccountConsoleDeps, createAccountConsole } from './account-pages.ts';
import { type ApplicationPagesDeps, createApplicationPages } from './application-pages.ts';
import { createInvitationPages, type InvitationPagesDeps } from './invitation-pages.ts';
import { createConsoleLayout } from './sections.ts';
import { createServicePages, type ServicePagesDeps } from './service-pages.ts';
import { createSigningKeyPages, type SigningKeyPagesDeps } from './signing-key-pages.ts';
import { createTracePages, type TracePagesDeps } from './trace-pages.ts';

/** Every page of the console. */
export function createConsolePages(
  router: Router,
  deps: AccountConsoleDeps &
    ApplicationPagesDeps &
    InvitationPagesDeps &
    ServicePagesDeps &
    SigningKeyPagesDeps &
    TracePagesDeps,
): void {
  const layout = createConsoleLayout(router, deps);
  createInvitationPages(router, layout, deps);
  createAccountConsole(router, layout, deps);
  createApplicationPages(router, layout, deps);
  createServicePages(router, layout, deps);
  createSigningKeyPages(router, layout, deps);
  createTracePages(router, layout, deps);
}
