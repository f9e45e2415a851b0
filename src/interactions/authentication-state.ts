import { acrLevel, deriveAcr, MFA_LEVEL } from '../access/acr.ts';
import type { Factors } from '../identity/second-factor/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { SecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { answered, type Details, type Interactions } from './interaction.ts';

/** How long a first factor waits for its second. */
const WAIT_SECONDS = 600;

/** An account that has shown one factor, and is not signed in yet. */
export interface FirstFactor {
  accountId: string;
  /** RFC 8176. */
  amr: string[];
  /** The key whose counter did not go up: another one must answer. */
  keyId?: string;
}

export interface AuthenticationStateDeps {
  interactions: Interactions;
  secondFactorPolicy: SecondFactorPolicy;
  getFactors(accountId: string): Promise<Factors>;
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
}

interface Held extends FirstFactor {
  /** Good for that interaction and for no later one of the same request. */
  uid: string;
  at: number;
}

export const now = () => Math.floor(Date.now() / 1000);

/** What the key at hand is: bound to its device, or synced by software (RFC 8176 section 2). */
export const methodOf = ({ device_type }: { device_type: string }) =>
  device_type === 'singleDevice' ? 'hwk' : 'swk';

/** From one factor to the session: what the application, the account and the administrator ask for decides. */
export function createAuthenticationState({
  interactions,
  secondFactorPolicy,
  getFactors,
  findAccount,
}: AuthenticationStateDeps) {
  /** Whether the application asks for more than a password. */
  const asksForMore = ({ prompt }: Details) => Number(prompt.details.acr_level ?? 0) >= MFA_LEVEL;

  /** Kept with the interaction; no session knows of it. */
  async function hold(details: Details, first: FirstFactor): Promise<string> {
    const held: Held = { ...first, uid: details.uid, at: now() };
    details.result = { first_factor: held } as never;
    await details.persist();
    return `/interaction/${details.uid}/second-factor`;
  }

  return {
    /**
     * After a factor was shown. @returns where the browser goes: on, or to the second factor
     * @param at seconds; the session's time of authentication
     * @throws LatchkeyError unauthenticated when a copied key may be at work and there is no other factor
     */
    async next(details: Details, first: FirstFactor, at = now()): Promise<string> {
      const { accountId, amr, keyId } = first;
      const person = await findAccount(accountId);
      if (!person) throw new LatchkeyError('unauthenticated', 'account_closed', 'This account is disabled.');
      const acr = deriveAcr(amr);
      const done = () =>
        interactions.conclude(details, { login: { accountId, amr, acr, ts: at }, ...answered(details) });
      if (acrLevel(acr) >= MFA_LEVEL && keyId === undefined) return done();
      const factors = await getFactors(accountId);
      const has = factors.totp || factors.recoveryCodes > 0 || factors.keys > (keyId === undefined ? 0 : 1);
      if (keyId !== undefined && !has)
        throw new LatchkeyError(
          'unauthenticated',
          'key_maybe_copied',
          'This passkey may have been copied, and your account has no other factor to confirm that it is you. Ask the people who run this server.',
        );
      const isRequired =
        keyId !== undefined ||
        (await secondFactorPolicy.isRequired({
          account: { id: accountId, scopes: person.scopes },
          clientId: String(details.params.client_id),
          scope: details.params.scope as string | undefined,
          acr,
          hasAddedFactor: factors.hasAddedFactor,
        }));
      return isRequired || (has && asksForMore(details)) ? hold(details, first) : done();
    },

    /** @returns who has shown a first factor in this very interaction, a short time ago */
    firstFactor(details: Details): FirstFactor | undefined {
      const held = (details.result as { first_factor?: Held } | undefined)?.first_factor;
      return held && held.uid === details.uid && now() - held.at <= WAIT_SECONDS ? held : undefined;
    },

    /** The second factor was shown. @param method RFC 8176 @returns where the browser goes */
    async complete(details: Details, first: FirstFactor, method: string, at = now()): Promise<string> {
      const amr = [...new Set([...first.amr, method, 'mfa'])];
      const login = { accountId: first.accountId, amr, acr: deriveAcr(amr), ts: at };
      return interactions.conclude(details, { login, ...answered(details) });
    },
  };
}

export type AuthenticationState = ReturnType<typeof createAuthenticationState>;
