import type Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import { type Look, type ShowPage, setLook } from '../web/respond.ts';
import { logoPath } from './logos.ts';
import { createNavigation, HOME } from './navigation.ts';

export interface HomePagesDeps {
  provider: Provider;
  showPage: ShowPage;
  /** Signs in and comes back to the home page. */
  signInUrl: string;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** The applications that people can open in a browser. */
  listApplications(): Promise<{ clientId: string; name: string; url: string; hasLogo: boolean }[]>;
  /** How the account wants its pages to look. */
  findLook(accountId: string): Promise<Look>;
  /** Records, after the response, that the session is in use. */
  recordUse(sessionUid: string): void;
  /** Whether these scopes open any page of the console. */
  mayAdminister(scopes: string[]): boolean;
}

const NO_CODE = 'This page shows a code after you sign in. Go back to the application and start again.';
const CODE = /^[\w-]{20,128}$/;

/** The home page, and the page on which users copy the code for a display client. */
export function createHomePages(router: Router, deps: HomePagesDeps): void {
  const navOf = createNavigation(deps.mayAdminister);

  router.get(HOME, async (ctx) => {
    const session = await deps.provider.Session.get(ctx as never);
    const account = session.accountId ? await deps.findAccount(session.accountId) : undefined;
    if (!account)
      return deps.showPage(ctx, 'home', {
        title: 'Sign in to your applications',
        signInUrl: deps.signInUrl,
      });
    deps.recordUse(session.uid);
    setLook(ctx, await deps.findLook(String(session.accountId)));
    deps.showPage(ctx, 'home', {
      title: 'Home',
      bodyClass: 'wide',
      nav: navOf(account, HOME),
      accountName: account.username,
      applications: (await deps.listApplications()).map(({ clientId, name, url, hasLogo }) => ({
        name,
        url,
        host: new URL(url).host,
        logo: hasLogo ? logoPath(clientId) : undefined,
      })),
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
