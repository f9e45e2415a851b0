import type { Context } from 'koa';
import { recordEvent } from '../audit/index.ts';
import { fromEpoch } from '../database/instants.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { recordSignIn } from '../identity/accounts/store.ts';
import { factorRequired } from '../identity/passkeys/add-credential.ts';
import type { Passkeys } from '../identity/passkeys/index.ts';
import type { NewCredential } from '../identity/passkeys/registration.ts';
import { guardCredential } from '../identity/passkeys/sign-in-store.ts';
import { linkExpired } from '../identity/recovery/links.ts';
import { hasShownEnough, type SecondFactor } from '../identity/second-factor/index.ts';
import { invalidFields, LatchkeyError } from '../kit/errors.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { CeremonyCookie } from '../web/ceremony-cookie.ts';
import type { CeremonyRequest, PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { type AuthenticationState, type FirstFactor, methodOf, now } from './authentication-state.ts';
import { type Details, type Interactions, stepOver } from './interaction.ts';
import { type InvitationDeps, isFormOf } from './invitation.ts';
import type { RecoverDeps } from './passkey-recovery.ts';
import { type PasskeySignUpFields, readPasskeySignUp } from './sign-up-form.ts';

export interface InteractionCeremoniesDeps {
  interactions: Interactions;
  authentication: AuthenticationState;
  passkeys: Passkeys;
  ceremonyCookie: CeremonyCookie;
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
    options: { endOthers: boolean; recoveryCode: string | undefined; origin: Origin },
  ): Promise<string>;
  /** @throws LatchkeyError conflict when an account has that username */
  refuseTaken(username: string): Promise<void>;
  /** Whether a key whose counter did not go up must be followed by another factor. */
  secondAfterRegress: boolean;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
}

const place = ({ uid }: Details) => `interaction:${uid}`;

/** Ceremonies as steps of an authorization request: sign-in, second factor, sign-up with a passkey alone. */
export function createInteractionCeremonies(deps: InteractionCeremoniesDeps): PasskeyCeremonies {
  const { interactions, authentication, passkeys, ceremonyCookie } = deps;

  async function load(asked: CeremonyRequest): Promise<Details> {
    const details = await interactions.named(asked.interaction ?? '', asked.csrf);
    // At a later prompt the user is already signed in: this step is over.
    if (!['login', 'create'].includes(details.prompt.name)) throw stepOver();
    return details;
  }

  /**
   * Finds the account that must set up a second factor now. An account that has one must use it instead, because a
   * new one would bypass it.
   */
  async function findEnrolling(details: Details): Promise<FirstFactor | undefined> {
    const first = authentication.firstFactor(details);
    if (!first) return undefined;
    // The first factor does not count here: it may be the stolen password that the second factor protects against.
    if (!hasShownEnough(await deps.getFactors(first.accountId), [])) factorRequired();
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
    async startRegistration(ctx, asked) {
      const details = await load(asked);
      const boundTo = ceremonyCookie.begin(ctx, place(details));
      if (asked.purpose === 'recovery') {
        const { accountId, username } = await getRecovering(ctx);
        const who = { accountId, userHandle: accountId, username, displayName: username };
        return passkeys.startRegistration({ ...who, boundTo, ceremony: 'passkey', known: [] });
      }
      const first = await findEnrolling(details);
      if (first) {
        const { accountId } = first;
        const { username = '' } = (await deps.findAccount(accountId)) ?? {};
        const who = { accountId, userHandle: accountId, username, displayName: username };
        return passkeys.startRegistration({ ...who, boundTo, ceremony: asked.ceremony, known: [] });
      }
      const { values } = await readSignUp(ctx, asked);
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

    async finishRegistration(ctx, asked) {
      const details = await load(asked);
      const boundTo = ceremonyCookie.resume(ctx, place(details));
      const { origin } = currentUnit();
      const { response } = asked;
      if (asked.purpose === 'recovery') {
        const { token, accountId } = await getRecovering(ctx);
        const registration = { boundTo, ceremony: 'passkey' as const, response, accountId, origin };
        const key = await passkeys.finishRegistration(registration);
        const { end, code: recoveryCode } = asked.fields;
        const options = { endOthers: end === 'on', recoveryCode, origin };
        await deps.recoverWithPasskey(token, key, options);
        deps.recoveryCookie.clear(ctx);
        const amr = [methodOf(key.authenticator), 'user', 'mfa'];
        return { location: await authentication.next(details, { accountId, amr }) };
      }
      const first = await findEnrolling(details);
      if (first) {
        const { accountId } = first;
        const registration = { boundTo, ceremony: asked.ceremony, response, accountId, origin };
        const key = await passkeys.finishRegistration(registration);
        const by = { request: details.uid };
        await passkeys.credentials.add({ accountId, credential: key, mustBeSigned: true, by, origin });
        return { location: await authentication.complete(details, first, methodOf(key.authenticator)) };
      }
      const { code, values } = await readSignUp(ctx, asked);
      const key = await passkeys.finishRegistration({ boundTo, ceremony: 'passkey', response, origin });
      const id = key.challenge.userHandle;
      if (id === null) throw stepOver();
      const accountId = await deps.signUpWithPasskey({ ...values, code, origin, id, credential: key });
      deps.invitationCookie.clear(ctx);
      const amr = [methodOf(key.authenticator), 'user', 'mfa'];
      return { location: await authentication.next(details, { accountId, amr }) };
    },

    async startAuthentication(ctx, asked) {
      const details = await load(asked);
      const boundTo = ceremonyCookie.begin(ctx, place(details));
      if (asked.purpose === 'authentication')
        return passkeys.startAuthentication({ purpose: 'authentication', boundTo });
      const first = authentication.firstFactor(details);
      if (!first || asked.purpose !== 'second_factor') throw stepOver();
      const { accountId } = first;
      return passkeys.startAuthentication({ purpose: 'second_factor', boundTo, accountId });
    },

    async finishAuthentication(ctx, asked) {
      const details = await load(asked);
      const boundTo = ceremonyCookie.resume(ctx, place(details));
      const { origin } = currentUnit();
      const at = now();
      const common = { boundTo, origin, response: asked.response, at: fromEpoch(at) };
      const clientId = String(details.params.client_id);
      if (asked.purpose === 'authentication') {
        const used = await passkeys.finishAuthentication({ ...common, purpose: 'authentication' });
        guardCredential(used.id);
        const { accountId } = used;
        const amr = [methodOf(used.authenticator), 'user', 'mfa'];
        const keyId = used.counterRegressed && deps.secondAfterRegress ? used.id : undefined;
        const location = await authentication.next(details, { accountId, amr, keyId }, at);
        const how = { method: 'passkey', key: used.id };
        recordEvent({ action: 'sign_in.succeeded', accountId, clientId, details: how });
        recordSignIn(accountId);
        return { location };
      }
      const first = authentication.firstFactor(details);
      if (!first || asked.purpose !== 'second_factor') throw stepOver();
      const { accountId } = first;
      const used = await passkeys.finishAuthentication({ ...common, purpose: 'second_factor', accountId });
      guardCredential(used.id);
      if (used.id === first.keyId)
        throw new LatchkeyError(
          'unauthenticated',
          'key_already_used',
          'Use a different key from the one you just used.',
        );
      const how = { method: 'key', key: used.id };
      recordEvent({ action: 'second_factor.succeeded', accountId, clientId, details: how });
      return { location: await authentication.complete(details, first, methodOf(used.authenticator), at) };
    },
  };
}
