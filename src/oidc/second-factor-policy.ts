import { covers, scopeList } from '../access/scopes.ts';
import { unit } from '../database/unit-of-work.ts';
import { OWN_CLIENT_ID } from './clients/own-client.ts';

/** Where an administrator demands a second factor. */
export interface FactorRules {
  everyone: boolean;
  /** As powers: `billing:*`. */
  scopes: string[];
  roles: string[];
}

export interface Asked {
  accountId: string;
  /** The account's ceiling. */
  ceiling: string[];
  clientId: string;
  scope: string | undefined;
}

export type Demand = (asked: Asked) => Promise<boolean>;

const ROLE = 'SELECT id FROM T_account_roles WHERE account_id = ? AND role = ?';

/** Whether a second factor is demanded for this sign-in. */
export function createDemand(rules: FactorRules): Demand {
  async function hasRole(accountId: string): Promise<boolean> {
    for (const role of rules.roles) if (await unit().get(ROLE, [accountId, role])) return true;
    return false;
  }
  return async ({ accountId, ceiling, clientId, scope }) => {
    if (rules.everyone) return true;
    // Our own pages ask for no scope: they let do what the account may.
    const reached = clientId === OWN_CLIENT_ID ? ceiling : scopeList(scope);
    const reaches = rules.scopes.some((rule) =>
      reached.some((one) => covers([rule], one) || (one.endsWith('*') && covers([one], rule))),
    );
    return reaches || hasRole(accountId);
  };
}
