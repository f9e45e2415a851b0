import type { Knex } from 'knex';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_webauthn_challenges';
const LIFETIME_MS = 5 * 60_000;

/** What the response to a challenge may be used for. */
export type ChallengePurpose = 'registration' | 'authentication' | 'second_factor' | 'sign_key';

export interface NewChallenge {
  purpose: ChallengePurpose;
  /** Names the browser, and the interaction or session in it. A response from anywhere else is rejected. */
  boundTo: string;
  accountId?: string;
  /** For a sign-up: the id that the account will have. */
  userHandle?: string;
  /** Without it, any credential that names its account may respond. */
  allowedKeyIds?: string[];
  userVerification: 'required' | 'preferred' | 'discouraged';
}

export interface Challenge {
  id: string;
  accountId: string | null;
  userHandle: string | null;
  allowedKeyIds: string[] | null;
}

/** Challenges work once, for five minutes, and for one purpose. They are stored as digests. */
export function createChallenges(knex: Knex) {
  return {
    /** @returns 256 random bits as base64url, for the authenticator to sign */
    async issue(options: NewChallenge): Promise<string> {
      const challenge = randomToken();
      const now = Date.now();
      await knex(TABLE).insert({
        id: uuidv7(),
        created_at: new Date(now),
        challenge_hash: digest(challenge),
        purpose: options.purpose,
        bound_to_hash: digest(options.boundTo),
        account_id: options.accountId ?? null,
        user_handle: options.userHandle ?? null,
        allowed_credential_ids: options.allowedKeyIds ? JSON.stringify(options.allowedKeyIds) : null,
        user_verification: options.userVerification,
        expires_at: new Date(now + LIFETIME_MS),
      });
      return challenge;
    },

    /**
     * Uses a challenge up before the response is verified, so that a failed response cannot be tried again. The row
     * count of one UPDATE decides.
     * @returns undefined when the challenge is unknown, used or expired, or was issued for something else
     */
    async consume(
      challenge: string,
      purpose: ChallengePurpose,
      boundTo: string,
    ): Promise<Challenge | undefined> {
      const where = { challenge_hash: digest(challenge), purpose, bound_to_hash: digest(boundTo) };
      const now = new Date();
      const consumed = await knex(TABLE)
        .where(where)
        .whereNull('consumed_at')
        .where('expires_at', '>', now)
        .update({ consumed_at: now });
      if (consumed !== 1) return undefined;
      const row = await knex(TABLE).where(where).first();
      return {
        id: row.id,
        accountId: row.account_id,
        userHandle: row.user_handle,
        allowedKeyIds: row.allowed_credential_ids === null ? null : JSON.parse(row.allowed_credential_ids),
      };
    },
  };
}

export type Challenges = ReturnType<typeof createChallenges>;
