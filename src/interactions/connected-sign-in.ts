import type Router from '@koa/router';
import type { Context } from 'koa';
import { tellFault, UpstreamFault } from '../connections/connect/faults.ts';
import type { OpenVisit } from '../connections/connect/states.ts';
import type { Service } from '../connections/services/service-config.ts';
import type { ConnectionSignIn } from '../connections/sign-in/service.ts';
import type { UpstreamIdentity } from '../connections/vault/connection-store.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { recordSignIn } from '../identity/accounts/store.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { showError } from '../web/errors.ts';
import type { FailureLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { AuthenticationState } from './authentication-state.ts';
import { type Details, type Interactions, requireSignInPrompt } from './interaction.ts';
import { wantsOtherAccount } from './select-account.ts';

export interface ConnectedSignInDeps {
  interactions: Interactions;
  authentication: Pick<AuthenticationState, 'continueAfter'>;
  showPage: ShowPage;
  signIn: ConnectionSignIn;
  browserCookie: Pick<BrowserCookie, 'find' | 'recognize'>;
  /** The limit on failed sign-ins of one IP address. */
  failedSignIns: FailureLimit;
  /** @throws LatchkeyError rate_limited */
  countVisit(ip: string | undefined): Promise<void>;
  /** Whether a password or a passkey signs the account in. */
  canSignInHere(accountId: string): Promise<boolean>;
}

/** RFC 8176 has no value for it. This one is what other servers send, and says that another service has signed the user in. */
export const FEDERATED = 'fed';

/** Finishes the visit of someone who signs up. */
export type FinishSignUp = (
  ctx: Context,
  details: Details,
  visit: OpenVisit,
  brought: { service: Service; identity: UpstreamIdentity },
) => Promise<void>;

const backTo = (details: Details) => ({ url: `/interaction/${details.uid}`, label: 'Sign in' });

/** Signing in with an account of another service, as a step of an authorization request. */
export function createConnectedSignIn(router: Router, deps: ConnectedSignInDeps, finishSignUp: FinishSignUp) {
  const { interactions, signIn, browserCookie } = deps;
  const path = '/interaction/:uid/sign-in-with';

  /**
   * Another service may ask nothing of somebody who is signed in there. So it is no answer to the question whether a signed-in
   * user is still at the browser, unless the account has no other way.
   */
  async function isOffered(details: Details): Promise<boolean> {
    const accountId = wantsOtherAccount(details) ? undefined : details.session?.accountId;
    return accountId === undefined || !(await deps.canSignInHere(accountId));
  }

  /** @throws LatchkeyError */
  async function getService(details: Details, name = ''): Promise<Service> {
    const service = (await isOffered(details)) ? await signIn.find(name) : undefined;
    if (service) return service;
    throw new LatchkeyError(
      'forbidden',
      'connected_sign_in_off',
      'You cannot sign in with that service now. Sign in in another way.',
      { back: backTo(details) },
    );
  }

  async function load(ctx: Context): Promise<Details> {
    const details = await interactions.load(ctx);
    requireSignInPrompt(details);
    return details;
  }

  /** Sends the browser to the service. */
  async function leave(
    ctx: Context,
    service: Service,
    destination: Parameters<ConnectionSignIn['beginVisit']>[1]['destination'],
  ): Promise<void> {
    await deps.countVisit(currentUnit().origin.ip);
    seeOther(ctx, await signIn.beginVisit(service, { browser: browserCookie.recognize(ctx), destination }));
  }

  router.post(path, async (ctx) => {
    const fields = await interactions.form(ctx);
    const details = await load(ctx);
    const service = await getService(details, fields.service);
    await leave(ctx, service, { kind: 'sign-in', interaction: details.uid });
  });

  /** @returns the visit that ends here @throws LatchkeyError when it is over, or began elsewhere */
  async function findVisit(ctx: Context, details: Details) {
    const { state } = ctx.query;
    const visit = typeof state === 'string' ? await signIn.findVisit(state) : undefined;
    const { destination } = visit ?? {};
    if (
      visit &&
      typeof state === 'string' &&
      (destination?.kind === 'sign-in' || destination?.kind === 'sign-up') &&
      destination.interaction === details.uid &&
      visit.browser === browserCookie.find(ctx)
    )
      return { ...visit, destination, state };
    throw new LatchkeyError(
      'invalid_input',
      'connected_sign_in_elsewhere',
      'This did not begin on this page, or it took too long. You are not signed in.',
      { back: backTo(details) },
    );
  }

  async function finishSignIn(
    ctx: Context,
    details: Details,
    service: Service,
    identity: UpstreamIdentity,
  ): Promise<void> {
    const clientId = String(details.params.client_id);
    const accountId = await deps.failedSignIns.tryAttempt(currentUnit().origin.ip, () =>
      signIn.signIn(service, identity, clientId),
    );
    if (accountId === undefined) {
      ctx.status = 401;
      const { action } = await interactions.common(ctx, details);
      return deps.showPage(ctx, 'interactions/unknown-identity', {
        title: 'You are not signed in',
        serviceName: service.displayName,
        action,
      });
    }
    recordSignIn(accountId);
    seeOther(ctx, await deps.authentication.continueAfter(details, { accountId, amr: [FEDERATED] }));
  }

  router.get(path, async (ctx) => {
    const details = await load(ctx);
    const visit = await findVisit(ctx, details);
    const service = await getService(details, visit.service);
    try {
      const identity = await signIn.identify(service, visit, new URLSearchParams(ctx.querystring));
      await (visit.destination.kind === 'sign-up'
        ? finishSignUp(ctx, details, visit, { service, identity })
        : finishSignIn(ctx, details, service, identity));
    } catch (error) {
      if (!(error instanceof UpstreamFault)) throw error;
      const outcome = 'You are not signed in.';
      const refusal = tellFault(error, service.displayName, backTo(details), outcome);
      signIn.recordFault(service, String(details.params.client_id), {
        code: refusal.code,
        reason: error.reason,
      });
      ctx.status = refusal.status;
      const back = refusal.back ?? backTo(details);
      showError(ctx, deps.showPage, { heading: 'You are not signed in', lede: refusal.message, back });
    }
  });

  return {
    /** The services that the sign-in page offers. */
    async listServices(details: Details): Promise<Service[]> {
      const services = await signIn.list();
      return services.length > 0 && (await isOffered(details)) ? services : [];
    },
    getService,
    leave,
  };
}

export type ConnectedSignIn = ReturnType<typeof createConnectedSignIn>;
