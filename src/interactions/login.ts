import type { Context } from 'koa';
import type { Service } from '../connections/services/service-config.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { MAX_PASSWORD_LENGTH } from '../identity/fields.ts';
import { findFailedSignIn } from '../identity/passwords/authenticate.ts';
import { uncertain } from '../identity/passwords/recent-outage.ts';
import { OWN_CLIENT_ID } from '../oidc/clients/own-client.ts';
import { setFailedSignIn } from '../oidc/trace/failed-sign-in.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import type { AuthenticationState } from './authentication-state.ts';
import type { Details, Interactions } from './interaction.ts';
import { wantsOtherAccount } from './select-account.ts';

export interface LoginDeps {
  interactions: Pick<Interactions, 'common'>;
  authentication: Pick<AuthenticationState, 'continueAfter'>;
  showPage: ShowPage;
  browserCookie: BrowserCookie;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
  /** @returns the account's id, or undefined for any failure */
  signIn(input: {
    username: string;
    password: string;
    clientId?: string;
    browserHash: string;
  }): Promise<string | undefined>;
  /** For how many seconds a failure says nothing about the password, because of an outage; 0 if it does. */
  outageSecondsLeft(): number;
  /** Whether no account can have this password, because it is longer than the rules allow. */
  isTooLong(password: string): boolean;
  /** The limit on failed sign-ins of one IP address. */
  failedSignIns: {
    /** Runs an attempt, which has failed if it returns undefined. */
    tryAttempt<T>(ip: string | undefined, attempt: () => Promise<T | undefined>): Promise<T | undefined>;
  };
  /** Why this account is asked to sign in again before it opens a page of ours, as the end of "Confirm it is you to …". */
  findPurpose(ctx: Context, accountId: string, page: string): string | undefined;
  /** Whether a form of that page is kept, because its session had ended when it was sent. */
  isFormKept(ctx: Context, page: string): boolean;
  /** The services with whose accounts this user can sign in. */
  listSignInServices(details: Details): Promise<Service[]>;
  /** Whether people without a password can recover their account by e-mail. */
  recoversByEmail: boolean;
}

const SIGN_IN_FAILED = 'That username and password do not match. Check both and try again.';
const PASSWORD_TOO_LONG = `A password has at most ${MAX_PASSWORD_LENGTH} characters. Yours is longer. Check it and try again.`;
const NAMES: Record<string, string> = { username: 'username or e-mail address', password: 'password' };

/** The sign-in page: username and password, and the button for a passkey. */
export function createLogin(deps: LoginDeps) {
  async function showLogin(
    ctx: Context,
    details: Details,
    failed?: { username: string; alert: string; alertField?: string; retryAfter?: number },
  ): Promise<void> {
    const { client, ...data } = await deps.interactions.common(ctx, details);
    const hint = details.params.login_hint;
    // A signed-in user is here when the application requires a stronger or more recent sign-in.
    const signedIn = details.session?.accountId;
    const known = signedIn && !wantsOtherAccount(details) ? await deps.findAccount(signedIn) : undefined;
    const username =
      failed?.username ?? (typeof hint === 'string' ? hint.slice(0, 255) : (known?.username ?? ''));
    const isOwn = details.params.client_id === OWN_CLIENT_ID;
    const purpose =
      isOwn && signedIn ? deps.findPurpose(ctx, signedIn, String(details.params.state)) : undefined;
    const services = await deps.listSignInServices(details);
    for (const { authUrl } of services) allowFormTarget(ctx, authUrl);
    if (failed) ctx.status = failed.retryAfter ? 503 : 401;
    if (failed?.retryAfter) ctx.set('Retry-After', String(failed.retryAfter));
    deps.showPage(ctx, 'interactions/login', {
      ...data,
      title: purpose ? `Confirm it is you to ${purpose}` : `Sign in to ${data.clientName}`,
      purpose,
      isFormKept: isOwn && !signedIn && deps.isFormKept(ctx, String(details.params.state)),
      recoversByEmail: deps.recoversByEmail,
      services: services.map(({ name, displayName }) => ({ name, displayName })),
      username,
      alert: failed?.alert,
      alertField: failed?.alertField,
    });
  }

  async function signIn(ctx: Context, details: Details, fields: Record<string, string>): Promise<void> {
    const { username = '', password = '' } = fields;
    for (const [alertField, value] of Object.entries({ username: username.trim(), password })) {
      if (value === '')
        return showLogin(ctx, details, { username, alert: `Enter your ${NAMES[alertField]}`, alertField });
    }
    if (deps.isTooLong(password))
      return showLogin(ctx, details, { username, alert: PASSWORD_TOO_LONG, alertField: 'password' });
    const browser = deps.browserCookie.read(ctx);
    const clientId = String(details.params.client_id);
    const accountId = await deps.failedSignIns.tryAttempt(currentUnit().origin.ip, async () =>
      username.length <= 255
        ? deps.signIn({ username, password, clientId, browserHash: browser.hash })
        : undefined,
    );
    if (!accountId) {
      const retryAfter = deps.outageSecondsLeft();
      const failed = findFailedSignIn() ?? { accountId: undefined, reason: 'unknown_account' };
      if (retryAfter === 0)
        setFailedSignIn(currentUnit(), { interaction: details, says: SIGN_IN_FAILED, ...failed });
      const alert = retryAfter > 0 ? uncertain(retryAfter) : SIGN_IN_FAILED;
      return showLogin(ctx, details, { username, alert, retryAfter });
    }
    deps.browserCookie.set(ctx, browser.token);
    seeOther(ctx, await deps.authentication.continueAfter(details, { accountId, amr: ['pwd'] }));
  }

  return { show: showLogin, signIn };
}
