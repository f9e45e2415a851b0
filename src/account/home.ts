import type Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import type { ShowPage } from '../web/respond.ts';

export interface HomePagesDeps {
  provider: Provider;
  showPage: ShowPage;
  /** Signs in and comes back to the front page. */
  signInUrl: string;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** The applications that people can open in a browser. */
  listApplications(): Promise<{ name: string; url: string }[]>;
  /** Whether these scopes open any page of the console. */
  mayAdminister(scopes: string[]): boolean;
}

const NO_CODE = 'This page shows a code after you sign in. Go back to the application and start again.';
const CODE = /^[\w-]{20,128}$/;

const withHost = ({ name, url }: { name: string; url: string }) => ({ name, url, host: new URL(url).host });

/** The front page, and the page on which users copy the code for a display client. */
export function createHomePages(router: Router, deps: HomePagesDeps): void {
  router.get('/', async (ctx) => {
    const session = await deps.provider.Session.get(ctx as never);
    const account = session.accountId ? await deps.findAccount(session.accountId) : undefined;
    deps.showPage(ctx, 'home', {
      title: account ? 'You are signed in' : 'Sign in to your applications',
      accountName: account?.username,
      signInUrl: deps.signInUrl,
      applications: account ? (await deps.listApplications()).map(withHost) : [],
      mayAdminister: account !== undefined && deps.mayAdminister(account.scopes),
    });
  });

  router.get('/code', async (ctx) => {
    const { code, error } = ctx.query;
    const shown = typeof code === 'string' && CODE.test(code) ? code : undefined;
    const isDenied = !shown && error === 'access_denied';
    if (!shown) ctx.status = 400;
    deps.showPage(ctx, 'display-code', {
      title: isDenied ? 'You denied access' : 'Your code',
      code: shown,
      isDenied,
      alert: shown || isDenied ? undefined : NO_CODE,
    });
  });
}
