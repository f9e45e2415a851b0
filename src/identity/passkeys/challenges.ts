import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { inTransaction, isDuplicate, setMarker } from '../../database/transaction.ts';
import { notePartCommitted } from '../../database/unit-of-work.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_webauthn_challenges';
/** How long the user has to answer the browser's prompt. The browser gets the same time as its timeout. */
export const CHALLENGE_LIFETIME_MS = 5 * 60_000;

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

/** Signs challenges that are not stored. */
export interface ChallengeSigner {
  csrfToken(value: string): string;
  csrfMatches(value: string, token: string): boolean;
}

interface SignedChallenge {
  challenge: string;
  purpose: ChallengePurpose;
  boundTo: string;
}

const TIME_BYTES = 6;
const BODY_BYTES = 24;
/** The length of the body in characters of base64url. */
const BODY_LENGTH = 32;

/**
 * The challenge of a visitor is not stored until it is answered: every open sign-in page asks for one by itself. It
 * consists of the time at which it expires, 144 random bits, and our signature over both and over what it is for.
 */
function createSignedChallenges(signer: ChallengeSigner) {
  const signed = (purpose: ChallengePurpose, boundTo: string, body: string) =>
    `challenge:${purpose}:${boundTo}:${body}`;
  return {
    issue(purpose: ChallengePurpose, boundTo: string): string {
      const bytes = randomBytes(BODY_BYTES);
      bytes.writeUIntBE(Date.now() + CHALLENGE_LIFETIME_MS, 0, TIME_BYTES);
      const body = bytes.toString('base64url');
      return `${body}${signer.csrfToken(signed(purpose, boundTo, body))}`;
    },
    /** @returns when it expires; undefined when it is not ours, or not for this */
    findExpiry({ challenge, purpose, boundTo }: SignedChallenge): Date | undefined {
      const body = challenge.slice(0, BODY_LENGTH);
      // The last character has bits that say nothing: another spelling would be another digest, and could be used again.
      if (Buffer.from(challenge, 'base64url').toString('base64url') !== challenge) return undefined;
      if (!signer.csrfMatches(signed(purpose, boundTo, body), challenge.slice(BODY_LENGTH))) return undefined;
      return new Date(Buffer.from(body, 'base64url').readUIntBE(0, TIME_BYTES));
    },
  };
}

/** Challenges work once, for five minutes, and for one purpose. They are stored as digests. */
export function createChallenges(knex: Knex, signer: ChallengeSigner) {
  const signedChallenges = createSignedChallenges(signer);

  function toRow(challenge: string, options: NewChallenge, times: { now: Date; expiresAt: Date }) {
    return {
      id: uuidv7(),
      created_at: times.now,
      challenge_hash: digest(challenge),
      purpose: options.purpose,
      bound_to_hash: digest(options.boundTo),
      account_id: options.accountId ?? null,
      user_handle: options.userHandle ?? null,
      allowed_credential_ids: options.allowedKeyIds ? JSON.stringify(options.allowedKeyIds) : null,
      user_verification: options.userVerification,
      expires_at: times.expiresAt,
    };
  }

  /** The unique index on the digest decides which of several responses is the first. */
  async function consumeSigned(signed: SignedChallenge, expiresAt: Date): Promise<Challenge | undefined> {
    const now = new Date();
    if (expiresAt <= now) return undefined;
    const options: NewChallenge = { ...signed, userVerification: 'required' };
    const row = { ...toRow(signed.challenge, options, { now, expiresAt }), consumed_at: now };
    try {
      await inTransaction(knex, async (trx) => {
        await trx(TABLE).insert(row);
        setMarker(trx, { table: TABLE, id: row.id });
      });
    } catch (error) {
      if (isDuplicate(error)) return undefined;
      throw error;
    }
    return { id: row.id, accountId: null, userHandle: null, allowedKeyIds: null };
  }

  return {
    /** @returns base64url, for the authenticator to sign */
    async issue(options: NewChallenge): Promise<string> {
      const { purpose, boundTo, accountId } = options;
      if (purpose === 'authentication' && accountId === undefined)
        return signedChallenges.issue(purpose, boundTo);
      const challenge = randomToken();
      const now = new Date();
      const expiresAt = new Date(now.getTime() + CHALLENGE_LIFETIME_MS);
      await knex(TABLE).insert(toRow(challenge, options, { now, expiresAt }));
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
      const signed = { challenge, purpose, boundTo };
      const expiresAt = signedChallenges.findExpiry(signed);
      if (expiresAt) return consumeSigned(signed, expiresAt);
      const where = { challenge_hash: digest(challenge), purpose, bound_to_hash: digest(boundTo) };
      const now = new Date();
      const consumed = await knex(TABLE)
        .where(where)
        .whereNull('consumed_at')
        .where('expires_at', '>', now)
        .update({ consumed_at: now });
      if (consumed !== 1) return undefined;
      notePartCommitted();
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
