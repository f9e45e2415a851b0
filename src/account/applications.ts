import type Router from '@koa/router';
import {
  describeClaim,
  describeFixedClaim,
  describeScope,
  SIGN_IN_DESCRIPTION,
} from '../access/consent-descriptions.ts';
import { describeResource, describeResourceScope } from '../access/resource-descriptions.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { AllowedApplication } from '../oidc/consents/applications.ts';
import type { Consents } from '../oidc/consents/service.ts';
import { RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';
import { logoPath } from './logos.ts';

export interface ApplicationPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  consents: Pick<Consents, 'listApplications' | 'withdraw'>;
  /** The descriptions that an administrator gave to some of these scopes. */
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
  /** An active API, as it was within the last second. */
  findResource(identifier: string): Promise<{ name: string; scopes: string[] } | undefined>;
  /** Those of the scopes that the account's ceiling allows. */
  limitToCeiling(scopes: string[], ceiling: string[]): string[];
  freshSignIn: Pick<FreshSignIn, 'requireFactors' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/applications';
const WITHDRAW = `${PATH}/withdraw`;
/** Not listed as scopes: the page says both in sentences of its own. */
const UNLISTED = ['openid', 'offline_access'];

/** The page that lists the applications that can act for the user, and ends their access. */
export function createApplicationPage(router: Router, deps: ApplicationPageDeps): void {
  const { signedIn, consents, freshSignIn } = deps;

  /** Only what can still be used: an API that is disabled gets no tokens. */
  async function describeResources(
    { resources }: AllowedApplication,
    descriptions: Map<string, string>,
    user: SignedInUser,
  ): Promise<string[]> {
    const texts: string[] = [];
    for (const [identifier, allowed] of Object.entries(resources)) {
      const found = await deps.findResource(identifier);
      if (!found || !allowed.includes(RESOURCE_ITSELF)) continue;
      const resource = { identifier, name: found.name };
      const served = deps
        .limitToCeiling(allowed, user.scopes)
        .filter((scope) => found.scopes.includes(scope));
      texts.push(
        describeResource(resource),
        ...served.map((scope) => describeResourceScope(resource, scope, descriptions)),
      );
    }
    return texts;
  }

  /** In the words of the consent page. */
  async function describeAccess(
    application: AllowedApplication,
    descriptions: Map<string, string>,
    user: SignedInUser,
  ) {
    const scopes = deps.limitToCeiling(application.scopes, user.scopes);
    return {
      ...application,
      logo: application.hasLogo ? logoPath(application.clientId) : undefined,
      isOffline: scopes.includes('offline_access'),
      allowed: [
        SIGN_IN_DESCRIPTION,
        ...(scopes.includes('openid') ? application.fixedClaims.map(describeFixedClaim) : []),
        ...scopes
          .filter((scope) => !UNLISTED.includes(scope))
          .map((scope) => descriptions.get(scope) ?? describeScope(scope)),
        ...application.claims.map(describeClaim),
        ...(await describeResources(application, descriptions, user)),
      ],
    };
  }

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
          list.map((application) => describeAccess(application, descriptions, user)),
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
