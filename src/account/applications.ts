import type Router from '@koa/router';
import { LatchkeyError } from '../kit/errors.ts';
import type { Consents } from '../oidc/consents/service.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { type DescriptionDeps, describeAccess } from './describe-applications.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';

export interface ApplicationPageDeps extends DescriptionDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  consents: Pick<Consents, 'listApplications' | 'withdraw'>;
  /** The descriptions that an administrator gave to some of these scopes. */
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
  freshSignIn: Pick<FreshSignIn, 'requireFactors' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/applications';
const WITHDRAW = `${PATH}/withdraw`;

/** The page that lists the applications that can act for the user, and ends their access. */
export function createApplicationPage(router: Router, deps: ApplicationPageDeps): void {
  const { signedIn, consents, freshSignIn } = deps;

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const list = await consents.listApplications(user.accountId);
      const descriptions = await deps.findScopeDescriptions([
        ...new Set(list.flatMap(({ scopes, resources }) => [...scopes, ...Object.values(resources).flat()])),
      ]);
      deps.showPage(ctx, 'account/applications', {
        title: 'Applications',
        bodyClass: 'wide',
        nav: deps.navOf(user, PATH),
        isWithdrawn: ctx.query.done === 'withdrawn',
        applications: await Promise.all(
          list.map((application) => describeAccess(deps, application, descriptions, user)),
        ),
        action: WITHDRAW,
        csrf: user.csrf(WITHDRAW),
      });
    }),
  );

  /** The words that follow "Confirm it is you to": what the form does. */
  async function describeAction(
    { accountId }: SignedInUser,
    { client }: Record<string, string>,
  ): Promise<string> {
    const found = (await consents.listApplications(accountId)).find(({ clientId }) => clientId === client);
    return `take back the access of ${found ? `“${found.name}”` : 'an application'}`;
  }

  router.post(
    WITHDRAW,
    signedIn.form(
      freshSignIn.requireFactors(describeAction, async (ctx, { accountId }, { client = '' }, origin) => {
        const ended = await consents.withdraw({ accountId }, { accountId, clientId: client }, origin);
        if (ended.length === 0)
          throw new LatchkeyError(
            'not_found',
            'access_not_found',
            'This application has no access to your account. It may have been taken back already.',
          );
        seeOther(ctx, `${PATH}?done=withdrawn`);
      }),
    ),
  );
}
