import type { Knex } from 'knex';
import { createCodeAttempts } from './code-attempts.ts';
import { createRecoveryCodes, type RecoveryCodesDeps } from './recovery-codes.ts';
import { createTotp, type TotpDeps } from './totp.ts';

/** The second factors of an account. */
export interface Factors {
  /** How many signed passkeys and security keys there are. Any of them can answer. */
  keys: number;
  /** Whether an authenticator app is set up. */
  totp: boolean;
  /** How many recovery codes are unused. */
  recoveryCodes: number;
  /**
   * Whether the owner added a factor that follows the password: a security key or an authenticator app. A passkey
   * does not count, because it replaces the password.
   */
  hasAddedFactor: boolean;
}

/**
 * Decides on every page and at every endpoint whether a user has shown enough to add a factor, or to remove or replace
 * one: any factor that the account has, an unused recovery code included. Otherwise somebody who knows only the password
 * could bypass the second factor by adding one of their own.
 * @param amr what was shown so far (RFC 8176)
 */
export function hasShownEnough({ keys, totp, recoveryCodes }: Factors, amr: string[]): boolean {
  return amr.includes('mfa') || (keys === 0 && !totp && recoveryCodes === 0);
}

export interface SecondFactorDeps extends Omit<RecoveryCodesDeps & TotpDeps, 'attempts'> {
  /** The kinds of an account's signed credentials, one entry for each. */
  listSignedKinds(source: Knex, accountId: string): Promise<string[]>;
}

/** Codes as second factors, and which factors an account has. */
export function createSecondFactor(deps: SecondFactorDeps) {
  const attempts = createCodeAttempts(deps.knex);
  const totp = createTotp({ ...deps, attempts });
  const recoveryCodes = createRecoveryCodes({ ...deps, attempts });
  return {
    totp,
    recoveryCodes,
    isLocked: attempts.isLocked,
    /** Removes the app and the recovery codes, without a word in the audit log. */
    async removeAll(trx: Knex.Transaction, accountId: string): Promise<void> {
      await trx('T_totp_secrets').where({ account_id: accountId }).delete();
      await trx('T_recovery_codes').where({ account_id: accountId }).delete();
      await attempts.clear(trx, accountId);
    },
    async getFactors(accountId: string, source: Knex = deps.knex): Promise<Factors> {
      const kinds = await deps.listSignedKinds(source, accountId);
      const hasApp = await totp.isSetUp(accountId, source);
      return {
        keys: kinds.length,
        totp: hasApp,
        recoveryCodes: await recoveryCodes.countUnused(accountId, source),
        hasAddedFactor: hasApp || kinds.includes('security_key'),
      };
    },
  };
}

export type SecondFactor = ReturnType<typeof createSecondFactor>;
