import type { Knex } from 'knex';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_webauthn_challenges';
const LIFE_MS = 5 * 60_000;

/** What the answer to a challenge is good for, and nothing else. */
export type Purpose = 'registration' | 'authentication' | 'second_factor' | 'sign_key';

export interface NewChallenge {
  purpose: Purpose;
  /** The browser, and the interaction or session in it: an answer from anywhere else is none. */
  boundTo: string;
  accountId?: string;
  /** The id that an account being signed up will have. */
  userHandle?: string;
  allowedKeyIds?: string[];
  userVerification: 'required' | 'preferred' | 'discouraged';
}

export interface Challenge {
  id: string;
  accountId: string | null;
  userHandle: string | null;
  /** None: any key that names its account. */
  allowedKeyIds: string[] | null;
}

/** Challenges rest as digests, are good once, for five minutes, and for what they were made. */
export function createChallenges(knex: Knex) {
  return {
    /** @returns 256 random bits, base64url: what the authenticator signs */
    async issue(given: NewChallenge): Promise<string> {
      const challenge = randomToken();
      const now = Date.now();
      await knex(TABLE).insert({
        id: uuidv7(),
        created_at: new Date(now),
        challenge_hash: digest(challenge),
        purpose: given.purpose,
        bound_to_hash: digest(given.boundTo),
        account_id: given.accountId ?? null,
        user_handle: given.userHandle ?? null,
        allowed_credential_ids: given.allowedKeyIds ? JSON.stringify(given.allowedKeyIds) : null,
        user_verification: given.userVerification,
        expires_at: new Date(now + LIFE_MS),
      });
      return challenge;
    },

    /**
     * One statement uses it up, before the answer is looked at: an answer that failed is not tried again.
     * @returns undefined for a challenge that is unknown, used, too old, or another's
     */
    async consume(challenge: string, purpose: Purpose, boundTo: string): Promise<Challenge | undefined> {
      const where = { challenge_hash: digest(challenge), purpose, bound_to_hash: digest(boundTo) };
      const now = new Date();
      const used = await knex(TABLE)
        .where(where)
        .whereNull('consumed_at')
        .where('expires_at', '>', now)
        .update({ consumed_at: now });
      if (used !== 1) return undefined;
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
