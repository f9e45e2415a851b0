import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { isByOtherServiceAlone } from '../access/acr.ts';
import { fromEpoch } from '../database/instants.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { factorRequired } from '../identity/passkeys/add-credential.ts';
import type { Passkeys } from '../identity/passkeys/index.ts';
import { type Factors, hasShownEnough } from '../identity/second-factor/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import { formExpired } from '../web/csrf.ts';
import type { CeremonyRequest, PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import { isFreshSignIn } from './fresh-sign-in.ts';

export interface AccountCeremoniesDeps {
  provider: Provider;
  secrets: Secrets;
  passkeys: Passkeys;
  browserCookie: Pick<BrowserCookie, 'find' | 'recognize'>;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
  /** The session as our own pages see it: without an account when the user has to sign in again. */
  sessionOf(ctx: Context): Promise<{ accountId?: string }>;
  getFactors(accountId: string): Promise<Factors>;
  /** Whether a password or a passkey signs the account in. */
  canSignInHere(accountId: string): Promise<boolean>;
}

/** The parts of a session that decide whether factors may be changed. */
export interface SessionSignIn {
  accountId: string;
  uid: string;
  amr: string[];
  /** Seconds. */
  loginTs: number;
  /** Whether the sign-in shows that the owner is at the browser now. */
  isFresh: boolean;
}

/** The form token that the script of an account page sends. */
export const accountCsrf = (secrets: Secrets, uid: string) => secrets.csrfToken(`webauthn:${uid}`);

/** Passkey ceremonies on the account's pages: adding a key, and approving one with another key. */
export function createAccountCeremonies(deps: AccountCeremoniesDeps): PasskeyCeremonies & {
  findSignIn(ctx: Context): Promise<SessionSignIn | undefined>;
} {
  const { passkeys, browserCookie } = deps;
  const { credentials: keys } = passkeys;

  async function findSignIn(ctx: Context): Promise<SessionSignIn | undefined> {
    const session = (await deps.provider.Session.get(ctx as never)) as {
      accountId?: string;
      uid: string;
      amr?: string[];
      loginTs?: number;
    };
    const { accountId, uid, amr = [], loginTs = 0 } = session;
    if (accountId === undefined) return undefined;
    // A sign-in by another service alone does not show that the owner is here: that service may have asked for nothing.
    const isProof = !isByOtherServiceAlone(amr) || !(await deps.canSignInHere(accountId));
    return { accountId, uid, amr, loginTs, isFresh: isProof && isFreshSignIn({ loginTs }) };
  }

  /** @throws LatchkeyError forbidden, unauthenticated when the sign-in is too long ago */
  async function currentUser(
    ctx: Context,
    request: CeremonyRequest,
  ): Promise<SessionSignIn & { username: string }> {
    const here = await findSignIn(ctx);
    const { accountId } = await deps.sessionOf(ctx);
    const account = accountId === undefined ? undefined : await deps.findAccount(accountId);
    if (
      !here ||
      !account ||
      here.accountId !== accountId ||
      !deps.secrets.csrfMatches(`webauthn:${here.uid}`, request.csrf)
    )
      throw formExpired();
    // Otherwise anyone who finds a signed-in browser could add a key of their own.
    if (!here.isFresh)
      throw new LatchkeyError(
        'unauthenticated',
        'sign_in_too_old',
        'You signed in some time ago. Sign in again to make this change.',
      );
    return { ...here, username: account.username };
  }

  /**
   * In a session that has shown no factor of the account, a key can be added only if the account has a signed one
   * already, which then has to approve it.
   * @throws LatchkeyError forbidden
   */
  async function checkMayAdd({ accountId, amr }: SessionSignIn): Promise<void> {
    const factors = await deps.getFactors(accountId);
    if (!hasShownEnough(factors, amr) && factors.keys === 0) factorRequired();
  }

  const bindingOf = ({ uid }: SessionSignIn) => `session:${uid}`;
  const wrong = () => new LatchkeyError('invalid_input', 'key_missing', 'Choose a key.');

  return {
    findSignIn,

    async startRegistration(ctx, request) {
      const here = await currentUser(ctx, request);
      const { accountId, username } = here;
      await checkMayAdd(here);
      const own = await keys.list(accountId);
      const known = own.map(({ key_id, transports }) => ({ id: key_id, transports }));
      // An automatic passkey needs no touch, so it is added only after a password and only as the first key.
      if (request.ceremony === 'upgrade' && (known.length > 0 || !here.amr.includes('pwd'))) throw wrong();
      return passkeys.startRegistration({
        accountId,
        userHandle: accountId,
        username,
        displayName: username,
        known,
        boundTo: `${bindingOf(here)} ${browserCookie.recognize(ctx)}`,
        ceremony: request.ceremony,
      });
    },

    async finishRegistration(ctx, request) {
      const here = await currentUser(ctx, request);
      const { accountId, amr } = here;
      await checkMayAdd(here);
      const { origin } = currentUnit();
      const key = await passkeys.finishRegistration({
        accountId,
        origin,
        ceremony: request.ceremony,
        response: request.response,
        boundTo: `${bindingOf(here)} ${browserCookie.find(ctx)}`,
      });
      const cameByKey = amr.includes('hwk') || amr.includes('swk');
      const signerId = cameByKey ? await keys.findSigner(accountId, fromEpoch(here.loginTs)) : undefined;
      const { id, name, is_signed } = await keys.add({
        accountId,
        credential: key,
        signerId,
        amr,
        by: { session: here.uid },
        origin,
      });
      return { id, name, is_signed };
    },

    async startAuthentication(ctx, request) {
      const here = await currentUser(ctx, request);
      if (request.purpose !== 'sign_key' || request.key === undefined) throw wrong();
      const key = await keys.get(here.accountId, request.key);
      if (key.is_signed)
        throw new LatchkeyError(
          'conflict',
          'key_already_signed',
          `${key.name} is already approved. Nothing was changed.`,
        );
      return passkeys.startAuthentication({
        purpose: 'sign_key',
        boundTo: `${request.key} ${bindingOf(here)} ${browserCookie.recognize(ctx)}`,
        accountId: here.accountId,
      });
    },

    async finishAuthentication(ctx, request) {
      const here = await currentUser(ctx, request);
      if (request.purpose !== 'sign_key' || request.key === undefined) throw wrong();
      const { accountId } = here;
      const { origin } = currentUnit();
      const signer = await passkeys.finishAuthentication({
        purpose: 'sign_key' as const,
        accountId,
        response: request.response,
        origin,
        boundTo: `${request.key} ${bindingOf(here)} ${browserCookie.find(ctx)}`,
        at: new Date(),
      });
      const { id, name } = await keys.sign(
        accountId,
        request.key,
        { signerId: signer.id, by: { session: here.uid } },
        origin,
      );
      return { id, name, is_signed: true };
    },
  };
}
