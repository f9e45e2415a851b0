import type Router from '@koa/router';
import type { Context } from 'koa';
import { recordEvent } from '../audit/index.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { recordSecondFactor } from '../identity/passwords/trusted-browsers.ts';
import { hasShownEnough, type SecondFactor } from '../identity/second-factor/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { qrImage } from '../web/qr-image.ts';
import type { FailureLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { AuthenticationState, FirstFactor } from './authentication-state.ts';
import { type Details, type Interactions, isSignInPrompt, stepOver } from './interaction.ts';

export interface SecondFactorStepDeps {
  interactions: Interactions;
  authentication: AuthenticationState;
  secondFactor: SecondFactor;
  showPage: ShowPage;
  browserCookie: BrowserCookie;
  /** The limit on failed sign-ins of one IP address, to which wrong codes count too. */
  failedSignIns: FailureLimit;
  /** Mails the user that a recovery code was used. */
  notifyRecoveryUsed(accountId: string): void;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
}

const WRONG_CODE = 'That code did not work. Wait for the next code and try again.';
const WRONG_RECOVERY_CODE = 'That recovery code did not work. Check it, or use another one.';
const LOCKED =
  'Too many wrong codes were entered. Wait before you try again, or use a key or another browser.';
/** Six digits, perhaps in groups; anything else is read as a recovery code. */
const isAppCode = (code: string) => /^[\d\s]{6,9}$/.test(code);

const firstFactorMissing = ({ uid }: Details) =>
  new LatchkeyError(
    'invalid_input',
    'first_factor_missing',
    'Sign in with your username and password first.',
    { back: { url: `/interaction/${uid}`, label: 'Continue' } },
  );

/** The step after the password: a security key, an app's code or a recovery code. Without one, the user sets one up. */
export function createSecondFactorSteps(router: Router, deps: SecondFactorStepDeps): void {
  const { interactions, authentication } = deps;
  const { totp, recoveryCodes, getFactors } = deps.secondFactor;

  /** @throws LatchkeyError when the first factor was not shown */
  async function load(ctx: Context): Promise<{ details: Details; first: FirstFactor }> {
    const details = await interactions.load(ctx);
    const first = authentication.findFirstFactor(details);
    if (!first || !isSignInPrompt(details)) throw firstFactorMissing(details);
    return { details, first };
  }

  async function pageData(ctx: Context, details: Details, { accountId }: FirstFactor) {
    const { action, csrf, passkeys } = await interactions.common(ctx, details);
    const account = await deps.findAccount(accountId);
    if (!account) throw firstFactorMissing(details);
    return {
      action: `${action}/second-factor`,
      leaveUrl: `${action}?step=sign-in`,
      csrf,
      accountName: account.username,
      passkeys,
    };
  }

  async function showEnrol(
    ctx: Context,
    details: Details,
    first: FirstFactor,
    alert?: string,
  ): Promise<void> {
    await authentication.assertMayEnrol(details, first);
    const data = await pageData(ctx, details, first);
    const { uri, secret } = await totp.startSetup(first.accountId, data.accountName, {
      request: details.uid,
    });
    const app = { secret: secret.replace(/.{4}(?=.)/g, '$& '), qr: await qrImage(uri) };
    if (alert) ctx.status = 401;
    deps.showPage(ctx, 'interactions/set-up-second-factor', {
      ...data,
      title: 'Set up a second factor',
      app,
      alert,
    });
  }

  async function show(ctx: Context, details: Details, first: FirstFactor, alert?: string): Promise<void> {
    const factors = await getFactors(first.accountId);
    const { keys, totp: app, recoveryCodes: left } = factors;
    if (hasShownEnough(factors, [])) return showEnrol(ctx, details, first, alert);
    const recovery = left > 0 && (ctx.query.with === 'recovery' || (keys === 0 && !app));
    const title = recovery ? 'Use a recovery code' : keys > 0 ? 'Use your security key' : 'Enter your code';
    const data = await pageData(ctx, details, first);
    if (alert) ctx.status = 401;
    deps.showPage(ctx, 'interactions/second-factor', {
      ...data,
      title,
      factors,
      byRecoveryCode: recovery,
      alert,
    });
  }

  /** Runs an attempt at a code, which counts for the IP address if it fails. @returns undefined then */
  const tryAttempt = <T>(attempt: () => Promise<T | undefined>) =>
    deps.failedSignIns.tryAttempt(currentUnit().origin.ip, attempt);

  interface Attempt {
    accountId: string;
    browserHash: string;
    code: string;
    /** Whether a recovery code signs the user out everywhere else. */
    end: boolean;
  }

  /** @returns the method (RFC 8176) by which it was shown, or undefined */
  async function verify(details: Details, { accountId, browserHash, code, end }: Attempt) {
    if (isAppCode(code)) return (await totp.verify(accountId, code, browserHash)) ? 'totp' : undefined;
    const except = { session: details.session?.uid, request: details.uid };
    const endOthers = end ? { except } : undefined;
    const isValid = await recoveryCodes.consume(accountId, code, { endOthers, browserHash });
    return isValid ? 'recovery_code' : undefined;
  }

  async function enrol(ctx: Context, details: Details, first: FirstFactor, code: string): Promise<void> {
    const { accountId } = first;
    await authentication.assertMayEnrol(details, first);
    const { hash: browserHash } = deps.browserCookie.read(ctx);
    const options = { by: { request: details.uid }, browserHash, origin: currentUnit().origin };
    const isConfirmed = await tryAttempt(
      async () => (await totp.confirmSetup(accountId, code, options)) || undefined,
    );
    if (!isConfirmed) return showEnrol(ctx, details, first, WRONG_CODE);
    recordSecondFactor(accountId, browserHash);
    seeOther(ctx, await authentication.completeEnrolment(details, first, 'otp'));
  }

  router.get('/interaction/:uid/recovery-codes', async (ctx) => {
    const details = await interactions.load(ctx);
    const created = authentication.findNewCodes(details);
    if (!created) throw stepOver(details.uid);
    const { accountId, key } = created;
    const codes = await recoveryCodes.findCreated(accountId, key);
    const { username } = (await deps.findAccount(accountId)) ?? {};
    // They are shown for some minutes. The sign-in goes on without them.
    if (!codes) return seeOther(ctx, details.returnTo);
    deps.showPage(ctx, 'account/recovery-codes', {
      title: 'Save your recovery codes',
      username,
      codes,
      areFirst: true,
      next: details.returnTo,
    });
  });

  const path = '/interaction/:uid/second-factor';
  router.get(path, async (ctx) => {
    const { details, first } = await load(ctx);
    await show(ctx, details, first);
  });
  router.post(path, async (ctx) => {
    const { code = '', end } = await interactions.form(ctx);
    const { details, first } = await load(ctx);
    const { accountId } = first;
    const factors = await getFactors(accountId);
    if (code.trim() === '') return show(ctx, details, first, 'Enter a code');
    if (hasShownEnough(factors, [])) return enrol(ctx, details, first, code);
    const { hash: browserHash } = deps.browserCookie.read(ctx);
    const attempt = { accountId, browserHash, code, end: end === 'on' };
    const method = await tryAttempt(() => verify(details, attempt));
    const endOthers = method === 'recovery_code' && end === 'on';
    const event = { accountId, clientId: String(details.params.client_id), details: { method, endOthers } };
    if (!method) {
      const isLocked = await deps.secondFactor.isLocked({ accountId, browserHash });
      const errorCode = isLocked ? 'codes_locked' : 'wrong_code';
      recordEvent({ action: 'second_factor.failed', ...event, success: false, errorCode });
      const alert = isAppCode(code) ? WRONG_CODE : WRONG_RECOVERY_CODE;
      return show(ctx, details, first, isLocked ? LOCKED : alert);
    }
    recordSecondFactor(accountId, browserHash);
    recordEvent({ action: 'second_factor.succeeded', ...event });
    if (method === 'recovery_code') deps.notifyRecoveryUsed(accountId);
    seeOther(ctx, await authentication.complete(details, first, 'otp'));
  });
}
