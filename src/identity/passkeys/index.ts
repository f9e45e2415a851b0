import { createEventLimit, FAILURES_PER_HOUR } from '../../audit/event-limit.ts';
import { recordEventIn } from '../../audit/index.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type {
  AuthenticatedCredential,
  AuthenticationFinish,
  AuthenticationStart,
  CounterPolicy,
} from './authentication.ts';
import {
  authenticationResponse,
  CeremonyRefusal,
  registrationResponse,
  unreadableResponse,
} from './ceremony-response.ts';
import { type ChallengeSigner, createChallenges } from './challenges.ts';
import { type CredentialEvent, type CredentialsDeps, createCredentials } from './credentials.ts';
import type { NewCredential, RegistrationCeremony, RegistrationStart, RelyingParty } from './registration.ts';

export interface PasskeysDeps extends Omit<CredentialsDeps, 'notify'> {
  rp: RelyingParty;
  signer: ChallengeSigner;
  counterPolicy: CounterPolicy;
  /** Notifies the owner. Called once the change is committed. */
  notify(
    accountId: string,
    event: CredentialEvent | 'counter_regressed',
    credential: { id: string; name: string },
  ): void;
}

/** A response of a browser, as it was sent. */
interface FinishInput {
  boundTo: string;
  accountId?: string;
  response: unknown;
  origin?: Origin;
}

/** Loaded at the first ceremony, because the WebAuthn library takes 25 MB of memory and 0.1 s to load. */
const loadRegistration = () => import('./registration.ts');
const loadAuthentication = () => import('./authentication.ts');

/** Every refusal shows the same sentence. Only the audit log has the reason. */
const SIGN_IN_REFUSED = 'That key did not let you in. Try again, or sign in another way.';
const REGISTRATION_REFUSED = 'That key could not be added. Try again, or use another one.';

/** Passkeys and security keys: registration, authentication, and what owners do with them. */
export function createPasskeys(deps: PasskeysDeps) {
  const { knex, rp } = deps;
  const challenges = createChallenges(knex, deps.signer);
  const credentials = createCredentials(deps);
  const limit = createEventLimit(FAILURES_PER_HOUR);

  /**
   * Records a refusal in the audit log, in a separate transaction.
   * @returns the error for the user. An error that is no refusal is returned unchanged
   */
  async function recordRefusal(
    error: unknown,
    refusal: { action: string; message: string; accountId?: string; origin?: Origin },
  ): Promise<unknown> {
    if (!(error instanceof CeremonyRefusal)) return error;
    const { reason, credential } = error;
    const { action, message, origin } = refusal;
    const accountId = credential?.accountId ?? refusal.accountId;
    const event = { action, accountId, target: credential?.id, success: false, errorCode: reason };
    // Without an account anyone can cause refusals, so their rows are limited. With one, the sender had its password,
    // session or key.
    const addition = accountId === undefined ? limit(event) : {};
    if (addition) await knex.transaction((trx) => recordEventIn(trx, { ...event, ...addition }, origin));
    if (reason === 'counter' && credential) await warnOfCopy(credential, origin);
    return new LatchkeyError('unauthenticated', 'passkey_refused', message, { cause: error });
  }

  /** The credential may have been copied: its owner is notified, whatever the policy. */
  async function warnOfCopy(used: { accountId: string; id: string }, origin?: Origin): Promise<void> {
    const { accountId, id } = used;
    const event = {
      action: 'passkey.counter_regressed',
      accountId,
      target: id,
      success: false,
      errorCode: 'counter',
    };
    await knex.transaction((trx) => recordEventIn(trx, event, origin));
    deps.notify(accountId, 'counter_regressed', await credentials.get(accountId, id));
  }

  return {
    credentials,

    /** @returns the options that the browser passes to the authenticator (PublicKeyCredentialCreationOptionsJSON) */
    async startRegistration(options: RegistrationStart) {
      const { startRegistration } = await loadRegistration();
      return startRegistration(rp, challenges, options);
    },

    /**
     * Verifies the response of a registration. Stores nothing: `credentials.add` does.
     * @throws LatchkeyError unauthenticated, with the same message for every reason; invalid_input when the response
     *   cannot be read
     */
    async finishRegistration(
      input: FinishInput & { ceremony: RegistrationCeremony },
    ): Promise<NewCredential> {
      const { boundTo, ceremony, accountId, origin } = input;
      const response = registrationResponse.safeParse(input.response);
      if (!response.success) throw unreadableResponse(response.error);
      try {
        const finish = { boundTo, ceremony, response: response.data };
        const { finishRegistration } = await loadRegistration();
        const credential = await finishRegistration(rp, challenges, finish);
        if (credential.challenge.accountId !== (accountId ?? null)) throw new CeremonyRefusal('challenge');
        return credential;
      } catch (error) {
        const refusal = { action: 'passkey.refused', message: REGISTRATION_REFUSED, accountId, origin };
        throw await recordRefusal(error, refusal);
      }
    },

    /**
     * Starts an authentication with a passkey or security key.
     * @param options `accountId`: only signed credentials of this account can respond; unset for a sign-in without a username
     * @returns the options that the browser passes to the authenticator (PublicKeyCredentialRequestOptionsJSON)
     */
    async startAuthentication(options: Omit<AuthenticationStart, 'allowed'>) {
      const { accountId } = options;
      const signed = accountId === undefined ? undefined : await credentials.listSigned(accountId);
      const allowed = signed?.map(({ key_id, transports }) => ({ id: key_id, transports }));
      const { startAuthentication } = await loadAuthentication();
      return startAuthentication(rp, challenges, { ...options, allowed });
    },

    /**
     * Verifies the response of an authentication.
     * @throws LatchkeyError unauthenticated, with the same message for every reason; invalid_input when the response
     *   cannot be read
     */
    async finishAuthentication(
      input: FinishInput & Pick<AuthenticationFinish, 'purpose' | 'at'>,
    ): Promise<AuthenticatedCredential> {
      const { accountId, origin } = input;
      const response = authenticationResponse.safeParse(input.response);
      if (!response.success) throw unreadableResponse(response.error);
      try {
        const finish = { ...input, response: response.data, ip: origin?.ip };
        const { finishAuthentication } = await loadAuthentication();
        const used = await finishAuthentication({ ...deps, challenges }, finish);
        if (used.counterRegressed) await warnOfCopy(used, origin);
        return used;
      } catch (error) {
        const refusal = { action: 'sign_in.failed', message: SIGN_IN_REFUSED, accountId, origin };
        throw await recordRefusal(error, refusal);
      }
    },
  };
}

export type Passkeys = ReturnType<typeof createPasskeys>;
