import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { factorRequired } from '../identity/passkeys/add-credential.ts';
import type { Passkeys } from '../identity/passkeys/index.ts';
import type { NewCredential } from '../identity/passkeys/registration.ts';
import type { CredentialKind } from '../identity/passkeys/store.ts';
import { recordSecondFactor } from '../identity/passwords/trusted-browsers.ts';
import { linkExpired } from '../identity/recovery/links.ts';
import { recoveryCodeWrong } from '../identity/recovery/passkey-recovery.ts';
import { hasShownEnough, type SecondFactor } from '../identity/second-factor/index.ts';
import { invalidFields, LatchkeyError } from '../kit/errors.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import type { CeremonyRequest, PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import type { FailureLimit } from '../web/rate-limits/index.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { type AuthenticationState, type FirstFactor, methodOf } from './authentication-state.ts';
import { type Details, type Interactions, stepOver } from './interaction.ts';
import type { InvitationDeps } from './invitation.ts';
import { isFormOf } from './invitation-pages.ts';
import type { RecoverDeps } from './passkey-recovery.ts';
import { type PasskeySignUpFields, readPasskeySignUp } from './sign-up-form.ts';

export interface PasskeyRegistrationDeps {
  interactions: Interactions;
  authentication: AuthenticationState;
  passkeys: Passkeys;
  getFactors: SecondFactor['getFactors'];
  findOffer: InvitationDeps['findOffer'];
  findRecoveryLink: RecoverDeps['findRecoveryLink'];
  invitationCookie: SealedCookie;
  recoveryCookie: SealedCookie;
  /** Adds the account, its first key and the redemption in one transaction. @returns the account's id */
  signUpWithPasskey(
    input: PasskeySignUpFields & { code: string; origin: Origin; id: string; credential: NewCredential },
  ): Promise<string>;
  /** Adds a key by the link for people who have lost every key. */
  recoverWithPasskey(
    token: string,
    credential: NewCredential,
    options: {
      endOthers: boolean;
      recoveryCode: string | undefined;
      browserHash: string;
      origin: Origin;
    },
  ): Promise<string | undefined>;
  /** @throws LatchkeyError conflict when an account has that username */
  refuseTaken(username: string): Promise<void>;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
  browserCookie: BrowserCookie;
  /** The limit on failed sign-ins of one IP address, to which wrong recovery codes count too. */
  failedSignIns: FailureLimit;
}

/** Where a ceremony takes place: its response is accepted only in the same interaction. */
export const bindingOf = ({ uid }: Details) => `interaction:${uid}`;

/** During a sign-in, the user must have touched the authenticator, so a passkey that the browser adds by itself is refused. */
const ceremonyOf = ({ ceremony }: CeremonyRequest): CredentialKind =>
  ceremony === 'security_key' ? ceremony : 'passkey';

/** Creating a passkey while signing in: for a new account, as a second factor, or to recover an account. */
export function createPasskeyRegistration(
  deps: PasskeyRegistrationDeps,
): Pick<PasskeyCeremonies, 'startRegistration' | 'finishRegistration'> {
  const { interactions, authentication, passkeys, browserCookie } = deps;

  /**
   * Finds the account that must set up a second factor now. An account that has one must use it instead, because a
   * new one would bypass it.
   */
  async function findEnrolling(details: Details): Promise<FirstFactor | undefined> {
    const first = authentication.findFirstFactor(details);
    if (!first) return undefined;
    // The first factor does not count here: it may be a stolen password or a copied key.
    if (!hasShownEnough(await deps.getFactors(first.accountId), [])) factorRequired();
    await authentication.assertMayEnrol(details, first);
    return first;
  }

  /** Reads the sign-up form and the invitation's code. @throws LatchkeyError with a sentence for the user */
  async function readSignUp(
    ctx: Context,
    { fields }: CeremonyRequest,
  ): Promise<{ code: string; values: PasskeySignUpFields }> {
    const code = deps.invitationCookie.read(ctx);
    if (code === undefined)
      throw new LatchkeyError('invalid_input', 'invitation_code_missing', 'Enter your invitation code.');
    if (!isFormOf(code, fields))
      throw new LatchkeyError(
        'conflict',
        'another_invitation_opened',
        'Another invitation was opened in this browser. Reload the page.',
      );
    const seen = await deps.findOffer(code);
    if ('refusal' in seen) throw seen.refusal;
    const { email } = seen.offer;
    const read = readPasskeySignUp({ ...fields, ...(email === null ? {} : { email }) });
    if ('fault' in read) throw invalidFields({}, `${read.fault}.`);
    return { code, values: read.values };
  }

  /** Finds the account of the link for people who have lost every key. @throws LatchkeyError if the link expired */
  async function getRecovering(ctx: Context) {
    const token = deps.recoveryCookie.read(ctx) ?? '';
    const bearer = await deps.findRecoveryLink(token);
    if (!bearer) throw linkExpired();
    return { token, accountId: bearer.accountId, username: bearer.username };
  }

  return {
    async startRegistration(ctx, request) {
      const details = await interactions.loadByFormToken(request.interaction ?? '', request.csrf);
      const boundTo = `${bindingOf(details)} ${browserCookie.recognize(ctx)}`;
      if (request.purpose === 'recovery') {
        const { accountId, username } = await getRecovering(ctx);
        const who = { accountId, userHandle: accountId, username, displayName: username };
        return passkeys.startRegistration({ ...who, boundTo, ceremony: 'passkey', known: [] });
      }
      const first = await findEnrolling(details);
      if (first) {
        const { accountId } = first;
        const { username = '' } = (await deps.findAccount(accountId)) ?? {};
        const who = { accountId, userHandle: accountId, username, displayName: username };
        return passkeys.startRegistration({ ...who, boundTo, ceremony: ceremonyOf(request), known: [] });
      }
      const { values } = await readSignUp(ctx, request);
      await deps.refuseTaken(values.username);
      return passkeys.startRegistration({
        boundTo,
        ceremony: 'passkey',
        userHandle: uuidv7(),
        username: values.username,
        displayName: values.name ?? values.username,
        known: [],
      });
    },

    async finishRegistration(ctx, request) {
      const details = await interactions.loadByFormToken(request.interaction ?? '', request.csrf);
      const boundTo = `${bindingOf(details)} ${browserCookie.find(ctx)}`;
      const { origin } = currentUnit();
      const { response } = request;
      if (request.purpose === 'recovery') {
        const { token, accountId } = await getRecovering(ctx);
        const registration = { boundTo, ceremony: 'passkey' as const, response, accountId, origin };
        const key = await passkeys.finishRegistration(registration);
        const { end, code: recoveryCode } = request.fields;
        const { hash: browserHash } = browserCookie.read(ctx);
        const options = { endOthers: end === 'on', recoveryCode, browserHash, origin };
        const owner = await deps.failedSignIns.tryAttempt(origin.ip, () =>
          deps.recoverWithPasskey(token, key, options),
        );
        if (owner === undefined) throw recoveryCodeWrong();
        deps.recoveryCookie.clear(ctx);
        const amr = [methodOf(key.authenticator), 'user', 'mfa'];
        return { location: await authentication.continueAfter(details, { accountId, amr }) };
      }
      const first = await findEnrolling(details);
      if (first) {
        const { accountId } = first;
        const registration = { boundTo, ceremony: ceremonyOf(request), response, accountId, origin };
        const key = await passkeys.finishRegistration(registration);
        const by = { request: details.uid };
        await passkeys.credentials.add({ accountId, credential: key, mustBeSigned: true, by, origin });
        recordSecondFactor(accountId, browserCookie.read(ctx).hash);
        const method = methodOf(key.authenticator);
        return { location: await authentication.completeEnrolment(details, first, method) };
      }
      const { code, values } = await readSignUp(ctx, request);
      const key = await passkeys.finishRegistration({ boundTo, ceremony: 'passkey', response, origin });
      const id = key.challenge.userHandle;
      if (id === null) throw stepOver(details.uid);
      const accountId = await deps.signUpWithPasskey({ ...values, code, origin, id, credential: key });
      deps.invitationCookie.clear(ctx);
      const amr = [methodOf(key.authenticator), 'user', 'mfa'];
      return { location: await authentication.continueAfter(details, { accountId, amr }) };
    },
  };
}
