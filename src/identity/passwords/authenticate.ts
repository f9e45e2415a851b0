import { recordEvent } from '../../audit/index.ts';
import { normalise } from '../fields.ts';
import type { PasswordHashing } from './hashing.ts';
import { reserveAttempt } from './lockout.ts';
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
  id: string;
  /** The hash that the password matched. */
  passwordHash: string;
  /** The id of this browser, if it is trusted. */
  browserId: string | undefined;
}

/** The attempts with a trusted browser are counted apart, so that nobody elsewhere can lock its owner out of it. */
function attemptCounter(stored: StoredPassword | undefined) {
  if (!stored) return undefined;
  const { id, browserId, isLocked } = stored;
  return browserId === undefined
    ? { table: 'T_credentials' as const, id, isLocked }
    : { table: 'T_known_browsers' as const, id: browserId, isLocked };
}

/** For the audit log only: the user gets one constant sentence. */
function failureCode(stored: StoredPassword | undefined, isAllowed: boolean, matches: boolean): string {
  if (!stored) return 'unknown_account';
  if (!isAllowed) return 'password_locked';
  return matches ? 'disabled_account' : 'wrong_password';
}

export function createAuthentication(deps: {
  hashing: PasswordHashing;
  /** Records the time of a sign-in, in the commit of the current request. */
  recordSignIn(accountId: string): void;
}) {
  const { hashing } = deps;

  /**
   * Every failure gives the same result and costs the same, whether the account exists, is locked or is disabled: one
   * read, one reserved attempt, one bcrypt, one audit row. The attempt counts as failed until the caller clears it.
   * @returns undefined when the password is wrong, or the account is unknown, locked or disabled
   * @throws LatchkeyError unavailable when too many passwords wait to be verified
   */
  async function verify(attempt: PasswordAttempt): Promise<VerifiedPassword | undefined> {
    const { clientId, browserHash } = attempt;
    const stored = await findPassword(normalise(attempt.username), browserHash);
    let isAllowed = false;
    const matches = await hashing.verify(attempt.password, async () => {
      isAllowed = await reserveAttempt(attemptCounter(stored));
      return isAllowed ? stored?.passwordHash : undefined;
    });
    if (stored && matches && stored.isActive) {
      const { accountId, id, passwordHash, browserId } = stored;
      return { accountId, id, passwordHash, browserId };
    }
    recordEvent({
      action: 'sign_in.failed',
      accountId: stored?.accountId ?? null,
      clientId,
      success: false,
      errorCode: failureCode(stored, isAllowed, matches),
    });
    return undefined;
  }

  /** Takes back the attempt that a right password counted, in the commit of the current request. */
  function clearAttempt({ browserId, id }: VerifiedPassword): void {
    if (browserId) renewTrust(browserId);
    else clearFailedAttempts(id);
  }

  return {
    verify,

    /**
     * Asks a signed-in user for their password again. A right one is not counted as an attempt.
     * @returns whether it is the password of that account
     */
    async isOwnPassword({
      accountId,
      ...attempt
    }: PasswordAttempt & { accountId: string }): Promise<boolean> {
      const verified = isTooLong(attempt.password) ? undefined : await verify(attempt);
      if (verified) clearAttempt(verified);
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
      if (browserId) renewTrust(browserId);
      else trustBrowser(accountId, attempt.browserHash);
      deps.recordSignIn(accountId);
      const isStale = hashing.isStale(passwordHash);
      recordPasswordSignIn(verified, {
        renewedHash: isStale ? await hashing.hash(attempt.password) : undefined,
        // Failed attempts from elsewhere stay counted: a trusted browser has a counter of its own.
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
