import type Router from '@koa/router';
import type { Context } from 'koa';
import { type Credentials, isSecurityKey } from '../identity/passkeys/credentials.ts';
import type { Credential } from '../identity/passkeys/store.ts';
import { recordSecondFactor } from '../identity/passwords/trusted-browsers.ts';
import type { SecondFactor } from '../identity/second-factor/index.ts';
import { randomToken } from '../kit/ids.ts';
import type { PendingActions } from '../web/pending-action.ts';
import type { FailureLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { type FreshSignIn, SECURITY } from './fresh-sign-in.ts';
import { createKeyForms, KEYS, type KeyFormsDeps, mayAddKey } from './passkeys.ts';
import { mayBeLost } from './security-advice.ts';

export interface FactorPagesDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  freshSignIn: FreshSignIn;
  keys: Credentials;
  secondFactor: SecondFactor;
  browserCookie: { read(ctx: Context): { hash: string } };
  /** The limit on failed sign-ins of one IP address, to which wrong codes count too. */
  failedSignIns: FailureLimit;
  /** Adds a method to the session's `amr`: the user has just shown a code of the new app. */
  addMethod(ctx: Context, method: string): Promise<void>;
  /** The form token of the page's script. The passkey endpoints refuse requests without it. */
  scriptToken(sessionUid: string): string;
  notify(accountId: string, event: 'recovery_codes_created'): void;
  qrImage(text: string): Promise<string>;
  rpId: string;
  /** When the user last got back into the account with a link or code, ISO 8601. */
  findRecovery(accountId: string): Promise<string | undefined>;
  showSecurity: KeyFormsDeps['showSecurity'];
  pendingActions: PendingActions;
  nav(user: SignedInUser): unknown;
}

const APP = `${SECURITY}/app`;
const CODES = `${SECURITY}/recovery-codes`;

/** What a page tells the browser, for the browser's own list of passkeys (Signal API, Web Authentication Level 3 section 5.1.10). */
function signals(rpId: string, user: SignedInUser, keys: Credential[]): string {
  const userId = Buffer.from(user.accountId).toString('base64url');
  const { username: name } = user;
  return JSON.stringify({
    signalAllAcceptedCredentials: {
      rpId,
      userId,
      allAcceptedCredentialIds: keys.map(({ key_id }) => key_id),
    },
    signalCurrentUserDetails: { rpId, userId, name, displayName: name },
  });
}

const appAction = (_user: SignedInUser, { act }: Record<string, string>) =>
  act === 'remove' ? 'remove the authenticator app' : 'set up an authenticator app';

/** Keys, authenticator app and recovery codes on the security page. */
export function createFactorPages(router: Router, deps: FactorPagesDeps) {
  const { signedIn, keys } = deps;
  const { assess, requireFactors } = deps.freshSignIn;
  const { totp, recoveryCodes } = deps.secondFactor;
  const back = (ctx: Context, done: string) => seeOther(ctx, `${SECURITY}?done=${done}`);

  const keyForms = createKeyForms(router, deps);

  const page = (user: SignedInUser, title: string, data: object) => ({
    title,
    bodyClass: 'wide',
    nav: deps.nav(user),
    username: user.username,
    ...data,
  });

  async function showApp(ctx: Context, user: SignedInUser, alert?: string): Promise<void> {
    const { uri, secret } = await totp.startSetup(user.accountId, user.username, {
      session: user.sessionUid,
    });
    const app = { secret: secret.replace(/.{4}(?=.)/g, '$& '), qr: await deps.qrImage(uri) };
    if (alert) ctx.status = 400;
    const faults = alert ? { code: alert } : {};
    const form = { action: APP, csrf: user.csrf(APP), back: SECURITY };
    deps.showPage(
      ctx,
      'account/authenticator-app',
      page(user, 'Set up an authenticator app', { app, alert, faults, ...form }),
    );
  }

  router.post(
    APP,
    signedIn.form(
      requireFactors(appAction, async (ctx, user, { act, code }, from) => {
        const { accountId } = user;
        if (act === 'remove') {
          await totp.remove(accountId, from);
          return back(ctx, 'app-removed');
        }
        if (code === undefined) return showApp(ctx, user);
        const { hash: browserHash } = deps.browserCookie.read(ctx);
        const options = { by: { session: user.sessionUid }, browserHash, origin: from };
        const isConfirmed = await deps.failedSignIns.tryAttempt(
          from.ip,
          async () => (await totp.confirmSetup(accountId, code, options)) || undefined,
        );
        if (!isConfirmed)
          return showApp(ctx, user, 'That code did not work. Wait for the next code and try again');
        recordSecondFactor(accountId, browserHash);
        await deps.addMethod(ctx, 'otp');
        back(ctx, 'app');
      }),
    ),
  );

  const showCodes = (ctx: Context, user: SignedInUser, codes: string[]) =>
    deps.showPage(
      ctx,
      'account/recovery-codes',
      page(user, 'Your recovery codes', { codes, next: SECURITY }),
    );

  const createCodes = requireFactors(
    () => 'create recovery codes',
    async (ctx, user, { idempotency_key: key }, from) => {
      const by = { session: user.sessionUid };
      showCodes(ctx, user, await recoveryCodes.create(user.accountId, by, from, key || undefined));
      deps.notify(user.accountId, 'recovery_codes_created');
    },
  );

  router.post(
    CODES,
    signedIn.form(async (ctx, user, fields) => {
      const shown = await recoveryCodes.findCreated(user.accountId, fields.idempotency_key ?? '');
      await (shown ? showCodes(ctx, user, shown) : createCodes(ctx, user, fields));
    }),
  );

  return {
    /** @returns what the security page shows about factors */
    async pageData(ctx: Context, user: SignedInUser) {
      const { accountId, csrf, sessionUid } = user;
      const list = await keys.list(accountId);
      const recoveredAt = await deps.findRecovery(accountId);
      const shown = list.map((key) => ({ ...key, mayBeLost: mayBeLost(key, recoveredAt) }));
      const { amr, factors, isFresh, hasShown } = await assess(ctx, accountId);
      const codesKey = randomToken();
      const start = keyForms.findStarted(ctx, accountId);
      return {
        passkeys: shown.filter((key) => !isSecurityKey(key)),
        securityKeys: shown.filter(isSecurityKey),
        recoveredAt,
        hasApp: factors.totp,
        recoveryCodesLeft: factors.recoveryCodes,
        actions: { keys: KEYS, app: APP, codes: CODES },
        csrf: { keys: csrf(KEYS), app: csrf(APP), codes: csrf(CODES, codesKey) },
        codesKey,
        mayAddKey: isFresh && mayAddKey({ hasShown, factors }),
        script: {
          csrf: deps.scriptToken(sessionUid),
          back: SECURITY,
          start,
          signal: signals(deps.rpId, user, list),
          // Only after a sign-in with the password, and without a key.
          upgrade:
            !start && isFresh && hasShown && list.length === 0 && amr.includes('pwd') ? 'on' : undefined,
        },
      };
    },
  };
}
