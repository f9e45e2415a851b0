import type { Knex } from 'knex';
import type { Secrets } from '../../kit/secrets.ts';
import { createRecoveryCodes } from './recovery-codes.ts';
import { createTotp } from './totp.ts';

/** What stands after the password of an account. */
export interface Factors {
  /** Signed keys of either kind: any of them may answer. */
  keys: number;
  totp: boolean;
  recoveryCodes: number;
  /**
   * Whether a password alone makes no session. A passkey signs in by itself and asks for nothing after a password;
   * a security key or an app was added to stand there.
   */
  demanded: boolean;
}

/** The second factors that are codes, and what of all an account has. */
export function createSecondFactor(deps: { knex: Knex; secrets: Secrets; issuer: string }) {
  const { knex } = deps;
  const totp = createTotp(deps);
  const recoveryCodes = createRecoveryCodes(deps);
  return {
    totp,
    recoveryCodes,
    async factorsOf(accountId: string): Promise<Factors> {
      const kinds: string[] = await knex('T_webauthn_credentials')
        .where({ account_id: accountId })
        .whereNull('deleted_at')
        .whereNotNull('signed_at')
        .pluck('kind');
      const [isOn, left] = [await totp.isOn(accountId), await recoveryCodes.left(accountId)];
      return {
        keys: kinds.length,
        totp: isOn,
        recoveryCodes: left,
        demanded: isOn || kinds.includes('security_key'),
      };
    },
  };
}

export type SecondFactor = ReturnType<typeof createSecondFactor>;
