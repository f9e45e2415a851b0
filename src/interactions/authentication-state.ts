import { acrLevel, deriveAcr, isByOtherServiceAlone, MFA_LEVEL } from '../access/acr.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import type { Factors } from '../identity/second-factor/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { randomToken } from '../kit/ids.ts';
import { readRequestedAcr } from '../oidc/requested-acr.ts';
import type { SecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { answered, type Details, type Interactions } from './interaction.ts';

/** How long the user has for the second factor after the first one. */
const MAX_WAIT_SECONDS = 600;

/** An account that has shown one factor, and is not signed in yet. */
export interface FirstFactor {
  accountId: string;
  /** RFC 8176. */
  amr: string[];
  /** The key that was used, if its counter did not go up. It may be a copy, so another factor must follow. */
  keyId?: string;
}

export interface AuthenticationStateDeps {
  interactions: Interactions;
  secondFactorPolicy: SecondFactorPolicy;
  getFactors(accountId: string): Promise<Factors>;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** Whether a password or a passkey signs the account in. */
  canSignInHere(accountId: string): Promise<boolean>;
  /** Keeps the account of a user who signs in, if it is closing, in the commit of the current request. */
  cancelClosing(accountId: string): Promise<void>;
  /** Creates the codes that a key decides. @throws LatchkeyError unauthenticated when the sign-in has ended */
  createRecoveryCodes(
    accountId: string,
    by: { request: string },
    origin: Origin,
    key: string,
  ): Promise<unknown>;
}

/** The recovery codes that were created with the first second factor, which the user sees before the sign-in goes on. */
export interface NewRecoveryCodes {
  accountId: string;
  key: string;
}

interface SavedFirstFactor extends FirstFactor {
  /**
   * The interaction in which the factor was shown. It does not count in a later interaction of the same authorization
   * request.
   */
  uid: string;
  at: number;
}

export const now = () => Math.floor(Date.now() / 1000);

/** Whether a key is bound to its device, or synced by software (RFC 8176 section 2). */
export const methodOf = ({ device_type }: { device_type: string }) =>
  device_type === 'singleDevice' ? 'hwk' : 'swk';

/** Decides after a factor whether the user is signed in, or must show a second one first. */
export function createAuthenticationState({
  interactions,
  secondFactorPolicy,
  getFactors,
  findAccount,
  createRecoveryCodes,
  cancelClosing,
  canSignInHere,
}: AuthenticationStateDeps) {
  /** Whether the application asks for more than a password. */
  const asksForMore = ({ params }: Details) => readRequestedAcr(params).level >= MFA_LEVEL;

  /** Stores the first factor in the interaction, not in the session, so that it signs nobody in. */
  async function saveFirstFactor(details: Details, first: FirstFactor): Promise<string> {
    const saved: SavedFirstFactor = { ...first, uid: details.uid, at: now() };
    details.result = { first_factor: saved } as never;
    await details.persist();
    return `/interaction/${details.uid}/second-factor`;
  }

  async function complete(
    details: Details,
    first: FirstFactor,
    method: string,
    { at, codes }: { at: number; codes?: NewRecoveryCodes },
  ): Promise<string> {
    const amr = [...new Set([...first.amr, method, 'mfa'])];
    const login = { accountId: first.accountId, amr, acr: deriveAcr(amr), ts: at };
    await cancelClosing(first.accountId);
    return interactions.conclude(details, { login, ...answered(details), recovery_codes: codes });
  }

  return {
    /**
     * Continues after the user has proved a factor.
     * @param at the session's time of authentication, in seconds
     * @returns where the browser goes: back to the engine, or to the second factor
     * @throws LatchkeyError unauthenticated if the key may be a copy and the account has no other factor
     */
    async continueAfter(details: Details, first: FirstFactor, at = now()): Promise<string> {
      const { accountId, amr, keyId } = first;
      const account = await findAccount(accountId);
      if (!account) throw new LatchkeyError('unauthenticated', 'account_closed', 'This account is disabled.');
      const acr = deriveAcr(amr);
      const done = async () => {
        await cancelClosing(accountId);
        return interactions.conclude(details, {
          login: { accountId, amr, acr, ts: at },
          ...answered(details),
        });
      };
      if (acrLevel(acr) >= MFA_LEVEL && keyId === undefined) return done();
      const factors = await getFactors(accountId);
      const hasFactor =
        factors.totp || factors.recoveryCodes > 0 || factors.keys > (keyId === undefined ? 0 : 1);
      if (keyId !== undefined && !hasFactor)
        throw new LatchkeyError(
          'unauthenticated',
          'key_maybe_copied',
          'This passkey may have been copied, and your account has no other factor to confirm that it is you. Ask the people who run this server.',
        );
      const isRequired =
        keyId !== undefined ||
        (await secondFactorPolicy.isRequired({
          account: { id: accountId, scopes: account.scopes },
          clientId: String(details.params.client_id),
          scope: details.params.scope as string | undefined,
          resources: details.params.resource,
          acr,
          hasAddedFactor: factors.hasAddedFactor,
        }));
      return isRequired || (hasFactor && asksForMore(details)) ? saveFirstFactor(details, first) : done();
    },

    /** @returns the first factor that was shown in this interaction, unless it is too long ago */
    findFirstFactor(details: Details): FirstFactor | undefined {
      const saved = (details.result as { first_factor?: SavedFirstFactor } | undefined)?.first_factor;
      return saved && saved.uid === details.uid && now() - saved.at <= MAX_WAIT_SECONDS ? saved : undefined;
    },

    /**
     * Call it before an account's first second factor is set up. Otherwise somebody who finds a browser in which its owner is
     * signed in at another service could set up one of their own.
     * @throws LatchkeyError forbidden when only another service has said who the user is, and the account has a password
     */
    async assertMayEnrol({ uid }: Details, { accountId, amr }: FirstFactor): Promise<void> {
      if (!isByOtherServiceAlone(amr) || !(await canSignInHere(accountId))) return;
      throw new LatchkeyError(
        'forbidden',
        'own_sign_in_required',
        'Your account needs a second factor. Sign in with your password to set it up.',
        { back: { url: `/interaction/${uid}?step=sign-in`, label: 'Sign in with your password' } },
      );
    },

    /** Signs in after the second factor. @param method RFC 8176 @returns where the browser goes */
    complete: (details: Details, first: FirstFactor, method: string, at = now()): Promise<string> =>
      complete(details, first, method, { at }),

    /**
     * Signs in after the account's first second factor was set up. Without it the user could not come back, so recovery
     * codes are created with it.
     * @param method RFC 8176
     * @returns the page with the codes, from which the sign-in goes on
     */
    async completeEnrolment(details: Details, first: FirstFactor, method: string): Promise<string> {
      const { accountId } = first;
      const codes: NewRecoveryCodes = { accountId, key: randomToken() };
      await createRecoveryCodes(accountId, { request: details.uid }, currentUnit().origin, codes.key);
      await complete(details, first, method, { at: now(), codes });
      return `/interaction/${details.uid}/recovery-codes`;
    },

    /** @returns the codes that were created in this interaction */
    findNewCodes: (details: Details): NewRecoveryCodes | undefined =>
      (details.result as { recovery_codes?: NewRecoveryCodes } | undefined)?.recovery_codes,
  };
}

export type AuthenticationState = ReturnType<typeof createAuthenticationState>;
