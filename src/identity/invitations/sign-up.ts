import type { Knex } from 'knex';
import type { LatchkeyError } from '../../kit/errors.ts';
import type { NewCredential } from '../passkeys/registration.ts';
import type { InvitationRedemption, RedeemInput } from './redeem.ts';

export interface SignUpDeps {
  knex: Knex;
  redeem: InvitationRedemption['redeem'];
  findAccount(source: Knex, filter: { username: string }): Promise<unknown>;
  usernameTaken(cause?: unknown): LatchkeyError;
  hashPassword(password: string): Promise<string>;
  /** Mails a link that confirms the address. Returns at once. */
  mailVerificationLink(accountId: string, email: string, token: string): void;
  /** Counts a message to a mailbox. @throws LatchkeyError rate_limited */
  countMessage(email: string): Promise<void>;
}

type SignUpInput = Omit<RedeemInput, 'passwordHash' | 'id' | 'credential' | 'linkIdentity'>;

/** Creating an account with an invitation, and mailing a link to confirm its address. */
export function createSignUp(deps: SignUpDeps) {
  async function signUp(input: RedeemInput): Promise<string> {
    const { accountId, email, verificationToken } = await deps.redeem(input);
    if (email === null || verificationToken === undefined) return accountId;
    try {
      await deps.countMessage(email);
    } catch {
      // Someone keeps signing up with this address. Spare its mailbox; the page looks the same.
      return accountId;
    }
    deps.mailVerificationLink(accountId, email, verificationToken);
    return accountId;
  }

  /** @throws LatchkeyError conflict when an account has that username */
  async function refuseTaken(username: string): Promise<void> {
    if (await deps.findAccount(deps.knex, { username })) throw deps.usernameTaken();
  }

  return {
    refuseTaken,

    /** @returns the account's id @throws LatchkeyError invalid_input, conflict */
    async signUpWithPassword({ password, ...input }: SignUpInput & { password: string }): Promise<string> {
      // Before the slow hash, so that a taken username does not use up a turn at it.
      await refuseTaken(input.username);
      return signUp({ ...input, passwordHash: await deps.hashPassword(password) });
    },

    /**
     * @param input `id`: the account's id, for which the passkey was created
     * @returns that id
     * @throws LatchkeyError invalid_input, conflict
     */
    signUpWithPasskey: (input: SignUpInput & { id: string; credential: NewCredential }): Promise<string> =>
      signUp(input),

    /**
     * @param input `linkIdentity`: links an account of another service, in the same transaction
     * @returns the account's id
     * @throws LatchkeyError invalid_input, conflict; what `linkIdentity` throws
     */
    signUpWithIdentity: (input: SignUpInput & Required<Pick<RedeemInput, 'linkIdentity'>>): Promise<string> =>
      signUp(input),
  };
}
