import { acrLevel, MFA_LEVEL } from '../access/acr.ts';
import { covers, limitToCeiling, parseScopes } from '../access/scopes.ts';
import { selectOne, sql } from '../database/statement-builders.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { OWN_CLIENT_ID } from './clients/own-client.ts';
import type { FindResource } from './resources/service.ts';

/** Where the operator requires a second factor (LATCHKEY_SECOND_FACTOR). */
export interface SecondFactorRules {
  everyone: boolean;
  /** Accounts and applications that reach any of these scopes; wildcards such as `billing:*` are allowed. */
  scopes: string[];
  /** Accounts that have any of these roles, in whichever application. */
  roles: string[];
}

/** A sign-in under way, or the session that one led to. */
interface SignInToJudge {
  account: { id: string; scopes: string[] };
  /** The application that the user signs in to; OWN_CLIENT_ID for our own pages. */
  clientId: string;
  /** The scope that the application requested, as it stands in the request. */
  scope?: string;
  /** The APIs that the application requested (RFC 8707), as they stand in the request: one identifier or several. */
  resources?: unknown;
  /** The acr value reached so far. */
  acr?: string;
  /** Whether the user has set up a second factor: a security key or an authenticator app. */
  hasAddedFactor?: boolean;
}

export interface SecondFactorPolicy {
  /**
   * Whether this sign-in needs a second factor before it may become, or go on as, a session.
   * What the application requests by `acr_values` is not part of it: see prompts.ts.
   */
  isRequired(signIn: SignInToJudge): Promise<boolean>;
}

const SELECT_ROLE = selectOne({
  columns: 'id',
  from: 'T_account_roles',
  where: sql`account_id = ${'account_id'} AND role = ${'role'}`,
});

/** Decides for interactions, sessions of our own pages and recovery by mail alike. */
export function createSecondFactorPolicy(
  rules: SecondFactorRules,
  findResource: FindResource,
): SecondFactorPolicy {
  /** Whether any of the scopes is, or includes, one that a rule names. */
  const reachesRule = (scopes: string[]) =>
    rules.scopes.some((rule) => scopes.some((scope) => covers([rule], scope) || covers([scope], rule)));

  async function hasRuledRole(accountId: string): Promise<boolean> {
    for (const role of rules.roles)
      if (await currentUnit().readOne(SELECT_ROLE, { account_id: accountId, role })) return true;
    return false;
  }

  /** A request that names an API gets a token for it even without its scopes: an API may check its own name alone. */
  async function reachesRuledResource(resources: unknown, ceiling: string[]): Promise<boolean> {
    if (rules.scopes.length === 0) return false;
    for (const identifier of [resources ?? []].flat()) {
      const resource = await findResource(String(identifier));
      if (resource && reachesRule(limitToCeiling(resource.scopes, ceiling))) return true;
    }
    return false;
  }

  return {
    async isRequired({ account, clientId, scope, resources, acr, hasAddedFactor }) {
      if (acrLevel(acr) >= MFA_LEVEL) return false;
      if (hasAddedFactor || rules.everyone) return true;
      // Our own pages request no scope: they let an account do all that its own scopes allow.
      const reached = clientId === OWN_CLIENT_ID ? account.scopes : parseScopes(scope);
      if (reachesRule(reached) || (await reachesRuledResource(resources, account.scopes))) return true;
      return hasRuledRole(account.id);
    },
  };
}
