import Router from '@koa/router';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { currentUnit } from '../database/unit-of-work.ts';
import type { SecondFactor } from '../identity/second-factor/index.ts';
import type { SecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import type { CeremonyCookie } from '../web/ceremony-cookie.ts';
import { createPasskeyEndpoints, type PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import type { AddressLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { createAuthenticationState } from './authentication-state.ts';
import { type ConsentDeps, createConsent } from './consent.ts';
import { createInteractions, type Details, type InteractionsDeps } from './interaction.ts';
import { createInvitationSteps, type InvitationDeps } from './invitation.ts';
import { createRecoverSteps, isRecovering, type RecoverDeps } from './passkey-recovery.ts';
import { createInteractionCeremonies, type InteractionCeremoniesDeps } from './passkeys.ts';
import { createSecondFactorSteps, type SecondFactorStepDeps } from './second-factor.ts';

/** What consent and sign-in need of the engine's account; the rooms that know it are handed in. */
interface Person {
  username: string;
  scopes: string[];
}

export interface InteractionDeps
  extends InteractionsDeps,
    Pick<ConsentDeps, 'limitToCeiling' | 'refreshTokenTtl'> {
  provider: Provider;
  invitation: InvitationDeps;
  showPage: ShowPage;
  /** @returns the account's id, or undefined for any failure */
  signIn(input: {
    username: string;
    password: string;
    clientId?: string;
    browserHash: string;
  }): Promise<string | undefined>;
  /** No password that was ever set. */
  isTooLong(password: string): boolean;
  /** Failed sign-ins of one address. */
  guesses: Pick<AddressLimit, 'countAttempt' | 'uncountAttempt'>;
  /** Ceremonies of passkeys that one address begins. */
  ceremonies: Pick<AddressLimit, 'countAttempt'>;
  browser: BrowserCookie;
  findAccount(accountId: string): Promise<Person | undefined>;
  secondFactorPolicy: SecondFactorPolicy;
  secondFactor: SecondFactor;
  /** Whether a confirmed mailbox opens accounts that have no password. */
  byMail: boolean;
  notifyRecoveryUsed: SecondFactorStepDeps['notifyRecoveryUsed'];
  passkeys: Pick<
    InteractionCeremoniesDeps,
    'passkeys' | 'redeemWithKey' | 'refuseTaken' | 'secondAfterRegress' | 'recovery'
  >;
  ceremony: CeremonyCookie;
  recover: Omit<RecoverDeps, 'interactions' | 'showPage'>;
  /** Ceremonies on pages of the account. */
  accountCeremonies: PasskeyCeremonies;
}

const SIGN_IN_FAILED = 'That username and password do not match. Check both and try again.';

/** The pages on which a person decides; each step records its result and goes back to the engine. */
export function createInteractionPages(deps: InteractionDeps): Router {
  const interactions = createInteractions(deps);
  const { load, common } = interactions;
  const { getFactors } = deps.secondFactor;
  const authentication = createAuthenticationState({ ...deps, interactions, getFactors });

  async function showLogin(
    ctx: Context,
    details: Details,
    failed?: { username: string; alert: string; alertField?: string },
  ): Promise<void> {
    const { client, ...data } = await common(ctx, details);
    const hint = details.params.login_hint;
    // A signed-in user who is asked for a stronger or a fresher sign-in.
    const known = details.session?.accountId ? await deps.findAccount(details.session.accountId) : undefined;
    const username =
      failed?.username ?? (typeof hint === 'string' ? hint.slice(0, 255) : (known?.username ?? ''));
    if (failed) ctx.status = 401;
    deps.showPage(ctx, 'interactions/login', {
      ...data,
      title: `Sign in to ${data.clientName}`,
      recoversPasskeys: deps.byMail,
      username,
      alert: failed?.alert,
      alertField: failed?.alertField,
    });
  }

  /** Counts a failure before the attempt, so that concurrent attempts are all counted. A success is uncounted. */
  async function counted<T>(attempt: () => Promise<T | undefined>): Promise<T | undefined> {
    const { ip } = currentUnit().origin;
    await deps.guesses.countAttempt(ip);
    let failed = false;
    try {
      const result = await attempt();
      failed = result === undefined;
      return result;
    } finally {
      if (!failed) await deps.guesses.uncountAttempt(ip);
    }
  }

  async function login(ctx: Context, details: Details, fields: Record<string, string>): Promise<void> {
    const { username = '', password = '' } = fields;
    for (const [alertField, value] of Object.entries({ username: username.trim(), password })) {
      if (value === '')
        return showLogin(ctx, details, { username, alert: `Enter your ${alertField}`, alertField });
    }
    const browser = deps.browser.read(ctx);
    const clientId = String(details.params.client_id);
    const accountId = await counted(async () =>
      username.length <= 255 && !deps.isTooLong(password)
        ? deps.signIn({ username, password, clientId, browserHash: browser.hash })
        : undefined,
    );
    if (!accountId)
      return showLogin(ctx, details, { username: username.slice(0, 255), alert: SIGN_IN_FAILED });
    deps.browser.set(ctx, browser.token);
    seeOther(ctx, await authentication.next(details, { accountId, amr: ['pwd'] }));
  }

  const consent = createConsent({ ...deps, interactions });

  const router = new Router();
  createInvitationSteps(router, { ...deps, ...deps.invitation, interactions, authentication });
  createSecondFactorSteps(router, { ...deps, interactions, authentication });
  createRecoverSteps(router, { ...deps.recover, showPage: deps.showPage, interactions });
  const interaction = createInteractionCeremonies({
    ...deps,
    ...deps.invitation,
    ...deps.passkeys,
    interactions,
    authentication,
    getFactors,
  });
  createPasskeyEndpoints(router, { interaction, account: deps.accountCeremonies }, deps.ceremonies);
  router.get('/interaction/:uid', async (ctx) => {
    const details = await load(ctx);
    const { name } = details.prompt;
    if (isRecovering(details) && name === 'login' && ctx.query.step !== 'sign-in')
      return seeOther(ctx, `/interaction/${details.uid}/recover`);
    if (name === 'create' && ctx.query.step !== 'sign-in')
      return seeOther(ctx, `/interaction/${details.uid}/invitation`);
    await (name === 'consent' ? consent.show(ctx, details) : showLogin(ctx, details));
  });
  router.post('/interaction/:uid', async (ctx) => {
    const fields = await interactions.form(ctx);
    const details = await load(ctx);
    await (details.prompt.name === 'consent'
      ? consent.decide(ctx, details, fields.decision)
      : login(ctx, details, fields));
  });
  return router;
}
