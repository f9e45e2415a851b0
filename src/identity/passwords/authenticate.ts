import { createEventLimit, FAILURES_PER_HOUR } from '../../audit/event-limit.ts';
import { recordEvent } from '../../audit/index.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { normalise } from '../fields.ts';
import { type Attempt, assertTimely, beginAttempt, failAttempt, releaseAttempt } from './attempt-counters.ts';
import type { PasswordHashing } from './hashing.ts';
import { createRecentOutage } from './recent-outage.ts';
import { isTooLong } from './rules.ts';
import { clearFailedAttempts, findPassword, recordPasswordSignIn, type StoredPassword } from './store.ts';
import { renewTrust, trustBrowser } from './trusted-browsers.ts';

export interface PasswordAttempt {
  username: string;
  password: string;
  clientId?: string;
  /** The digest of the token in this browser's cookie. */
  browserHash: string;
}

/** A password that was right. */
export interface VerifiedPassword {
  accountId: string;
  /** The id of the password's row. */
  credentialId: string;
  /** The hash that the password matched. */
  passwordHash: string;
  /** The id of this browser, if it is trusted. */
  browserId: string | undefined;
  /** Frees the slot of the attempt, in the commit of the current request. The password was right, so nothing is counted. */
  release(): void;
}

/**
 * Failed attempts in a trusted browser are counted separately, so that failures elsewhere cannot lock the owner out of
 * it.
 */
function attemptCounter(stored: StoredPassword | undefined) {
  if (!stored) return undefined;
  const { credentialId, browserId, isLocked } = stored;
  return browserId === undefined
    ? { table: 'T_credentials' as const, id: credentialId, isLocked }
    : { table: 'T_known_browsers' as const, id: browserId, isLocked };
}

/** Why a sign-in failed. */
interface FailedSignIn {
  accountId: string | undefined;
  reason: string;
}

const FAILED = 'passwords.failed-sign-in';

/** Why the sign-in of this request failed, for operators only. Undefined if no password was compared. */
export const findFailedSignIn = (): FailedSignIn | undefined =>
  currentUnit().memory.get(FAILED) as FailedSignIn | undefined;

/** Why a sign-in failed, for operators only: the user gets one constant sentence. */
function failureCode(stored: StoredPassword | undefined, isAllowed: boolean, matches: boolean): string {
  if (!stored) return 'unknown_account';
  if (!isAllowed) return 'password_locked';
  return matches ? 'disabled_account' : 'wrong_password';
}

/**
 * Runs an attempt, which has failed if it gives undefined, and counts a failure for the IP address of the request.
 * @throws LatchkeyError rate_limited
 */
export type LimitFailures = <T>(attempt: () => Promise<T | undefined>) => Promise<T | undefined>;

export function createAuthentication(deps: {
  hashing: PasswordHashing;
  /** Records the time of a sign-in, in the commit of the current request. */
  recordSignIn(accountId: string): void;
  limitFailures: LimitFailures;
}) {
  const { hashing } = deps;
  const limit = createEventLimit(FAILURES_PER_HOUR);
  const outage = createRecentOutage();
  const throwOutage = (error: unknown): never => {
    outage.recordOutage();
    throw error;
  };

  /** Limited for all accounts together: a limit for each would let the time of the response tell which of them exist. */
  function recordFailure(event: { accountId: string | null; clientId?: string; errorCode: string }): void {
    const addition = limit({ action: 'sign_in.failed' });
    if (addition) recordEvent({ action: 'sign_in.failed', ...event, success: false, ...addition });
  }

  /**
   * Every failure gives the same result and costs the same, whether the account exists, is locked or is disabled: one
   * read, one slot, one bcrypt, one audit row. A failure is counted before this returns. A crash, or an outage that stops
   * the request, counts as nothing: the attempt's slot is then free after some seconds. A password whose hash needs a secret
   * that this server lacks counts as nothing either: it may be right, and locking would lock every server.
   * @returns undefined when the password is wrong, or the account is unknown, locked or disabled
   * @throws LatchkeyError unavailable when too many passwords wait to be verified, or the database is unavailable
   */
  async function verify(attempt: PasswordAttempt): Promise<VerifiedPassword | undefined> {
    const { clientId, browserHash } = attempt;
    const stored = await findPassword(normalise(attempt.username), browserHash);
    let begun: Attempt | undefined;
    const matches = await hashing.verify(attempt.password, async () => {
      begun = await beginAttempt(attemptCounter(stored)).catch(throwOutage);
      return begun ? stored?.passwordHash : undefined;
    });
    assertTimely(begun);
    const attempted = begun as Attempt | undefined;
    if (stored && matches && stored.isActive && attempted) {
      const { accountId, credentialId, passwordHash, browserId } = stored;
      return {
        accountId,
        credentialId,
        passwordHash,
        browserId,
        release: () => releaseAttempt(attempted, outage.recordOutage),
      };
    }
    const reason = failureCode(stored, attempted !== undefined, matches);
    const failed: FailedSignIn = { accountId: stored?.accountId, reason };
    currentUnit().memory.set(FAILED, failed);
    const isJudged = !stored || hashing.canVerify(stored.passwordHash);
    if (attempted && !isJudged) releaseAttempt(attempted, outage.recordOutage);
    await failAttempt(isJudged ? attempted : undefined, () =>
      recordFailure({ accountId: stored?.accountId ?? null, clientId, errorCode: reason }),
    ).catch(throwOutage);
    return undefined;
  }

  /** Starts the count again after a right password, in the commit of the current request. */
  function clearAttempts({ browserId, credentialId, release }: VerifiedPassword): void {
    release();
    if (browserId) renewTrust(browserId);
    else clearFailedAttempts(credentialId);
  }

  /** Verifies like `verify`, for a signed-in user on a page of the account. The sign-in page has a separate limit. */
  async function verifyAgain(attempt: PasswordAttempt): Promise<VerifiedPassword | undefined> {
    const verified = await deps.limitFailures(() => verify(attempt));
    // This is outside the limit, because the limit counts no attempt that throws.
    if (!verified) outage.assertOver();
    return verified;
  }

  return {
    verifyAgain,

    /** For how many seconds a failed sign-in says nothing about the password, because of an outage; 0 if it does. */
    outageSecondsLeft: outage.secondsLeft,

    /**
     * Asks a signed-in user for their password again. A right one is not counted as an attempt.
     * @returns whether it is the password of that account
     */
    async isOwnPassword({
      accountId,
      ...attempt
    }: PasswordAttempt & { accountId: string }): Promise<boolean> {
      const verified = isTooLong(attempt.password) ? undefined : await verifyAgain(attempt);
      if (verified) clearAttempts(verified);
      return verified?.accountId === accountId;
    },

    /**
     * Verifies username and password, and trusts this browser from then on.
     * @returns the account's id; undefined and @throws as `verify`
     */
    async signIn(attempt: PasswordAttempt): Promise<string | undefined> {
      const verified = await verify(attempt);
      if (!verified) return undefined;
      const { accountId, passwordHash, browserId } = verified;
      verified.release();
      if (browserId) renewTrust(browserId);
      else trustBrowser(accountId, attempt.browserHash);
      deps.recordSignIn(accountId);
      recordPasswordSignIn(verified, {
        renewedHash: await hashing.renew(attempt.password, passwordHash),
        // Failed attempts from elsewhere stay counted: a trusted browser has a separate counter.
        clearFailedAttempts: browserId === undefined,
      });
      recordEvent({
        action: 'sign_in.succeeded',
        accountId,
        clientId: attempt.clientId,
        details: { method: 'password' },
      });
      return accountId;
    },
  };
}
