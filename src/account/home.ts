import type Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import type { ShowPage } from '../web/respond.ts';

export interface HomePagesDeps {
  provider: Provider;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** Whether these powers open any page of the console. */
  mayAdminister(scopes: string[]): boolean;
}

const CODE = /^[\w-]{20,128}$/;

/** The front page, and the page on which a display client's code is shown for a person to copy. */
export function createHomePages(router: Router, deps: HomePagesDeps): void {
  router.get('/', async (ctx) => {
    const session = await deps.provider.Session.get(ctx as never);
    const person = session.accountId ? await deps.findAccount(session.accountId) : undefined;
    deps.showPage(ctx, 'home', {
      title: person ? 'You are signed in' : 'Sign in to your applications',
      accountName: person?.username,
      mayAdminister: person !== undefined && deps.mayAdminister(person.scopes),
    });
  });

  router.get('/code', async (ctx) => {
    const { code, error } = ctx.query;
    const shown = typeof code === 'string' && CODE.test(code) ? code : undefined;
    const denied =
      error === 'access_denied' ? 'You denied access, so there is no code. Nothing was changed.' : undefined;
    if (!shown) ctx.status = 400;
    deps.showPage(ctx, 'display-code', {
      title: 'Your code',
      code: shown,
      alert: shown
        ? undefined
        : (denied ?? 'This page shows a code after you sign in. Go back to the application and start again.'),
    });
  });
}
