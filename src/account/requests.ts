import type Router from '@koa/router';
import type { Context } from 'koa';
import { describeClaim, describeScope, SIGN_IN_DESCRIPTION } from '../access/consent-descriptions.ts';
import { describeResource, describeResourceScope } from '../access/resource-descriptions.ts';
import type { Background } from '../kit/background.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { AnsweringSession, SignInRequest, SignInRequests } from '../oidc/ciba/requests.ts';
import { RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';

export interface RequestPageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  background: Background;
  signInRequests: SignInRequests;
  /** How the user of this browser has signed in. */
  signInOf(ctx: Context): Promise<AnsweringSession>;
  findScopeDescriptions(scopes: string[]): Promise<Map<string, string>>;
  freshSignIn: Pick<FreshSignIn, 'requireFactors' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/requests';
const ANSWER = `${PATH}/answer`;
const UNLISTED = ['openid', 'offline_access'];

const NOTICES = new Map(
  Object.entries({
    approved: 'The application is signing you in now.',
    denied: 'The application was not signed in.',
  }),
);

/** What the application may do afterwards, in the words of the consent page. */
function describeAccess(
  { scopes, claims, resources }: SignInRequest,
  descriptions: Map<string, string>,
): { text: string }[] {
  const texts = [
    SIGN_IN_DESCRIPTION,
    ...scopes
      .filter((scope) => !UNLISTED.includes(scope))
      .map((scope) => descriptions.get(scope) ?? describeScope(scope)),
    ...claims.map(describeClaim),
    ...resources.flatMap((resource) =>
      resource.scopes.map((scope) =>
        scope === RESOURCE_ITSELF
          ? describeResource(resource)
          : describeResourceScope(resource, scope, descriptions),
      ),
    ),
  ];
  return texts.map((text) => ({ text }));
}

/** The page on which users approve or deny sign-ins that applications ask for without a browser (OpenID Connect CIBA). */
export function createRequestPage(router: Router, deps: RequestPageDeps): void {
  const { signedIn, signInRequests, freshSignIn } = deps;

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const requests = await signInRequests.list(user);
      const named = requests.flatMap(({ scopes, resources }) => [
        ...scopes,
        ...resources.flatMap((resource) => resource.scopes),
      ]);
      const descriptions = await deps.findScopeDescriptions([...new Set(named)]);
      deps.showPage(ctx, 'account/requests', {
        title: 'Requests',
        bodyClass: 'wide',
        nav: deps.navOf(user, PATH),
        notice: NOTICES.get(String(ctx.query.done)),
        requests: requests.map((request) => ({
          ...request,
          isLasting: request.scopes.includes('offline_access'),
          access: [...describeAccess(request, descriptions), ...request.details],
        })),
        action: ANSWER,
        csrf: user.csrf(ANSWER),
      });
    }),
  );

  /** Tells a client that waits for it, once the response has left and so the answer is committed. */
  function pingLater(ctx: Context, ping: (() => Promise<unknown>) | undefined): void {
    if (ping) ctx.res.once('finish', () => deps.background.run('ciba_ping', ping));
  }

  async function describeAction(user: SignedInUser, { request }: Record<string, string>): Promise<string> {
    const found = (await signInRequests.list(user)).find(({ id }) => id === request);
    return `let ${found ? `“${found.clientName}”` : 'an application'} sign you in`;
  }

  const approve = freshSignIn.requireFactors(describeAction, async (ctx, user, { request = '' }) => {
    pingLater(ctx, await signInRequests.approve(user, request, await deps.signInOf(ctx)));
    seeOther(ctx, `${PATH}?done=approved`);
  });

  router.post(
    ANSWER,
    signedIn.form(async (ctx, user, fields) => {
      const { request = '', decision } = fields;
      if (decision === 'approve') return approve(ctx, user, fields);
      if (decision !== 'deny')
        throw new LatchkeyError('invalid_input', 'sign_in_decision_missing', 'Choose Approve or Deny.');
      pingLater(ctx, await signInRequests.deny(user, request, user.sessionUid));
      seeOther(ctx, `${PATH}?done=denied`);
    }),
  );
}
