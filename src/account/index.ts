import type Router from '@koa/router';
import type { PendingActions } from '../web/pending-action.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages } from '../web/signed-in-pages.ts';
import { type ActivityPageDeps, createActivityPage } from './activity.ts';
import { type ApplicationPageDeps, createApplicationPage } from './applications.ts';
import { createDataPage, type DataPageDeps } from './data.ts';
import { createEmailPage, type EmailPageDeps } from './email.ts';
import { createFreshSignIn, type FreshSignIn, type FreshSignInDeps, SECURITY } from './fresh-sign-in.ts';
import { createNavigation } from './navigation.ts';
import { createPasswordPage, type PasswordPageDeps } from './password.ts';
import { createProfilePage, type ProfilePageDeps } from './profile.ts';
import { createRequestPage, type RequestPageDeps } from './requests.ts';
import { createSecurityPage, type SecurityPageDeps } from './security.ts';
import { createSessionPage, type SessionPageDeps } from './sessions.ts';

export interface AccountPagesDeps
  extends Pick<EmailPageDeps, 'recovery' | 'isOwnPassword' | 'limitMail'>,
    Pick<ActivityPageDeps, 'history' | 'places'>,
    Pick<
      SecurityPageDeps,
      'profile' | 'listSignInServices' | 'changePassword' | 'browserCookie' | 'rotateSession' | 'factors'
    >,
    Pick<SessionPageDeps, 'sessions'>,
    Pick<RequestPageDeps, 'background' | 'signInRequests' | 'signInOf'>,
    Pick<ProfilePageDeps, 'ownProfile' | 'findPreferences' | 'pictures' | 'listChoices'>,
    Pick<PasswordPageDeps, 'ownPassword'>,
    Pick<DataPageDeps, 'accountData' | 'closing'>,
    Pick<ApplicationPageDeps, 'consents' | 'findScopeDescriptions' | 'findResource' | 'limitToCeiling'> {
  signedIn: SignedInPages;
  showPage: ShowPage;
  pendingActions: PendingActions;
  /** Whether these scopes open any page of the console. */
  mayAdminister(scopes: string[]): boolean;
  freshSignIn: Pick<FreshSignInDeps, 'getSignIn' | 'signInAgain'>;
}

/** The pages on which users manage their own account. */
export function createAccountPages(router: Router, deps: AccountPagesDeps): FreshSignIn {
  const { signedIn } = deps;

  const navOf = createNavigation(deps.mayAdminister);

  const { showPage, pendingActions } = deps;
  const { getFactors } = deps.factors.secondFactor;
  const freshSignIn = createFreshSignIn(router, {
    signedIn,
    showPage,
    pendingActions,
    getFactors,
    nav: navOf,
    ...deps.freshSignIn,
  });
  createSecurityPage(router, { ...deps, freshSignIn, navOf });
  createPasswordPage(router, { ...deps, freshSignIn, navOf });
  createEmailPage(router, { ...deps, freshSignIn, navOf });
  createDataPage(router, { ...deps, freshSignIn, navOf });
  createActivityPage(router, { ...deps, navOf });
  createApplicationPage(router, { ...deps, freshSignIn, navOf });
  createProfilePage(router, { ...deps, freshSignIn, navOf });
  createRequestPage(router, { ...deps, freshSignIn, navOf });
  createSessionPage(router, { ...deps, freshSignIn, navOf });

  router.get(
    '/account',
    signedIn.page((ctx) => {
      seeOther(ctx, SECURITY);
    }),
  );
  return freshSignIn;
}
