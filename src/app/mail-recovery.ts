import type { Config } from '../config/settings.ts';
import type { Database } from '../database/open.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import type { SecondFactor } from '../identity/second-factor/index.ts';
import { OWN_CLIENT_ID } from '../oidc/clients/own-client.ts';
import type { SecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { findStoredAccount } from '../oidc/storage/accounts.ts';

export interface MailRecoveryDeps {
  config: Pick<Config, 'recoverByEmail'>;
  database: Pick<Database, 'driver'>;
  secondFactor: Pick<SecondFactor, 'getFactors'>;
  secondFactorPolicy: SecondFactorPolicy;
}

/** @returns a function that says whether an account can be recovered by a mailed link, which never replaces a second factor */
export function createMailRecovery({ config, database, secondFactor, secondFactorPolicy }: MailRecoveryDeps) {
  return async (accountId: string): Promise<boolean> => {
    if (!config.recoverByEmail) return false;
    const { hasAddedFactor } = await secondFactor.getFactors(accountId);
    return withUnit(new UnitOfWork(database.driver), async () => {
      const account = await findStoredAccount(accountId);
      if (!account) return false;
      const owner = { id: accountId, scopes: account.scopes };
      return !(await secondFactorPolicy.isRequired({
        account: owner,
        clientId: OWN_CLIENT_ID,
        hasAddedFactor,
      }));
    });
  };
}
