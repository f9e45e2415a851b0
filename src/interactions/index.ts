import Router from '@koa/router';
import type { Provider } from 'oidc-provider';
import type { SecondFactor } from '../identity/second-factor/index.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { SecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { createPasskeyEndpoints, type PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import type { AddressLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { createAuthenticationState } from './authentication-state.ts';
import { type ConnectedSignInDeps, createConnectedSignIn } from './connected-sign-in.ts';
import { type ConnectedSignUpDeps, createConnectedSignUp } from './connected-sign-up.ts';
import { type ConnectionStepDeps, createConnectionStep } from './connection.ts';
import { type ConsentDeps, createConsent } from './consent.ts';
import { createInteractions, type InteractionsDeps } from './interaction.ts';
import { createInvitationSteps, createSignUpPage, type InvitationDeps } from './invitation.ts';
import { createLogin, type LoginDeps } from './login.ts';
import { createRecoverSteps, isRecovering, type RecoverDeps } from './passkey-recovery.ts';
import { createInteractionCeremonies, type InteractionCeremoniesDeps } from './passkeys.ts';
import { type CodeRecoveryStepDeps, createCodeRecoveryStep } from './recovery-code.ts';
import { createSecondFactorSteps, type SecondFactorStepDeps } from './second-factor.ts';
import { createSelectAccount } from './select-account.ts';

/**
 * First the services that several steps share; then, under the name of each step, the services that only this step
 * uses.
 */
export interface InteractionPagesDeps {
  provider: Provider;
  secrets: Secrets;
  wayBack: InteractionsDeps['wayBack'];
  showPage: ShowPage;
  browserCookie: BrowserCookie;
  invitationCookie: SealedCookie;
  recoveryCookie: SealedCookie;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  findOffer: InvitationDeps['findOffer'];
  findRecoveryLink: RecoverDeps['findRecoveryLink'];
  secondFactor: SecondFactor;
  login: Pick<
    LoginDeps,
    | 'signIn'
    | 'outageSecondsLeft'
    | 'isTooLong'
    | 'failedSignIns'
    | 'recoversByEmail'
    | 'findPurpose'
    | 'isFormKept'
  >;
  consent: Pick<
    ConsentDeps,
    | 'limitToCeiling'
    | 'refreshTokenTtl'
    | 'findLogo'
    | 'findScopeDescriptions'
    | 'findResource'
    | 'addToConsent'
    | 'keepClient'
  >;
  connection: Omit<ConnectionStepDeps, 'interactions' | 'showPage'>;
  connectedSignIn: Pick<ConnectedSignInDeps, 'signIn' | 'countVisit' | 'canSignInHere'> &
    Pick<ConnectedSignUpDeps, 'signUpWithIdentity'>;
  invitation: Pick<InvitationDeps, 'signUp' | 'addToAccount' | 'passwordFault' | 'unknownCodes'>;
  secondFactorStep: Pick<SecondFactorStepDeps, 'notifyRecoveryUsed'> & {
    policy: SecondFactorPolicy;
    cancelClosing(accountId: string): Promise<void>;
  };
  recovery: Pick<RecoverDeps, 'issuer'> & Pick<CodeRecoveryStepDeps, 'exchangeRecoveryCode'>;
  passkeys: Pick<
    InteractionCeremoniesDeps,
    'passkeys' | 'signUpWithPasskey' | 'recoverWithPasskey' | 'refuseTaken' | 'secondAfterRegress'
  >;
  ceremonies: {
    /** The limit on ceremonies that one IP address starts. */
    limit: Pick<AddressLimit, 'countAttempt'>;
    /** The ceremonies of the account's pages, which share the endpoints. */
    account: PasskeyCeremonies;
  };
}

/** The pages between an application's request and its answer. Each step records its result and returns to the engine. */
export function createInteractionPages(deps: InteractionPagesDeps): Router {
  const { provider, secrets, showPage, findAccount, findOffer, findRecoveryLink, secondFactor } = deps;
  const { browserCookie, invitationCookie, recoveryCookie, ceremonies } = deps;
  const { getFactors } = secondFactor;
  const router = new Router();

  const interactions = createInteractions({ provider, secrets, wayBack: deps.wayBack });
  const authentication = createAuthenticationState({
    interactions,
    getFactors,
    findAccount,
    secondFactorPolicy: deps.secondFactorStep.policy,
    cancelClosing: deps.secondFactorStep.cancelClosing,
    canSignInHere: deps.connectedSignIn.canSignInHere,
    createRecoveryCodes: secondFactor.recoveryCodes.create,
  });

  const { connectedSignIn, login: loginDeps } = deps;
  const { signIn } = connectedSignIn;
  const signUpPage = createSignUpPage({
    interactions,
    showPage,
    invitationCookie,
    findAccount,
    findOffer,
    unknownCodes: deps.invitation.unknownCodes,
    listSignInServices: signIn.list,
  });
  const connectedSignUp = createConnectedSignUp({
    authentication,
    invitationCookie,
    link: signIn.link,
    refuseTaken: deps.passkeys.refuseTaken,
    signUpWithIdentity: connectedSignIn.signUpWithIdentity,
  });
  const services = createConnectedSignIn(
    router,
    {
      interactions,
      authentication,
      showPage,
      browserCookie,
      failedSignIns: loginDeps.failedSignIns,
      ...connectedSignIn,
    },
    connectedSignUp.finish(signUpPage),
  );
  const login = createLogin({
    interactions,
    authentication,
    showPage,
    browserCookie,
    findAccount,
    listSignInServices: services.listServices,
    ...loginDeps,
  });
  const consent = createConsent({ provider, interactions, showPage, findAccount, ...deps.consent });
  const connection = createConnectionStep({ interactions, showPage, ...deps.connection });
  const selectAccount = createSelectAccount({ interactions, showPage, findAccount });
  createInvitationSteps(router, {
    interactions,
    authentication,
    showPage,
    browserCookie,
    invitationCookie,
    findAccount,
    findOffer,
    page: signUpPage,
    signUpWithService: (ctx, details, input) =>
      connectedSignUp.begin(ctx, details, input, { page: signUpPage, signIn: services }),
    ...deps.invitation,
  });
  createSecondFactorSteps(router, {
    interactions,
    authentication,
    showPage,
    findAccount,
    secondFactor,
    browserCookie,
    failedSignIns: deps.login.failedSignIns,
    notifyRecoveryUsed: deps.secondFactorStep.notifyRecoveryUsed,
  });
  createRecoverSteps(router, {
    interactions,
    showPage,
    recoveryCookie,
    findRecoveryLink,
    issuer: deps.recovery.issuer,
  });
  createCodeRecoveryStep(router, {
    interactions,
    showPage,
    recoveryCookie,
    failedSignIns: deps.login.failedSignIns,
    exchangeRecoveryCode: deps.recovery.exchangeRecoveryCode,
  });
  const interaction = createInteractionCeremonies({
    interactions,
    authentication,
    browserCookie,
    failedSignIns: deps.login.failedSignIns,
    invitationCookie,
    recoveryCookie,
    findAccount,
    findOffer,
    findRecoveryLink,
    getFactors,
    ...deps.passkeys,
  });
  createPasskeyEndpoints(router, { interaction, account: ceremonies.account }, ceremonies.limit);

  router.get('/interaction/:uid', async (ctx) => {
    const details = await interactions.load(ctx);
    const { name } = details.prompt;
    if (isRecovering(details) && name === 'login' && ctx.query.step !== 'sign-in')
      return seeOther(ctx, `/interaction/${details.uid}/recover`);
    if (name === 'create' && ctx.query.step !== 'sign-in')
      return seeOther(ctx, `/interaction/${details.uid}/invitation`);
    if (await selectAccount.hasChoice(details)) return selectAccount.show(ctx, details);
    if (name === 'connection') return connection.show(ctx, details);
    await (name === 'consent' ? consent.show(ctx, details) : login.show(ctx, details));
  });
  router.post('/interaction/:uid', async (ctx) => {
    const fields = await interactions.form(ctx);
    const details = await interactions.load(ctx);
    if (await selectAccount.hasChoice(details)) return selectAccount.decide(ctx, details, fields.account);
    if (details.prompt.name === 'connection') return connection.decide(ctx, details, fields);
    await (details.prompt.name === 'consent'
      ? consent.decide(ctx, details, fields.decision)
      : login.signIn(ctx, details, fields));
  });
  return router;
}
