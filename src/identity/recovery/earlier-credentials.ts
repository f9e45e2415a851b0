import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import type { Origin } from '../../database/unit-of-work.ts';

export interface EarlierCredentialsDeps {
  signOutEverywhere(trx: Knex.Transaction, accountId: string): Promise<void>;
  /** Removes every passkey and security key, and ends ceremonies that would add one. */
  removeAllKeys(trx: Knex.Transaction, accountId: string): Promise<number>;
  /** Removes the authenticator app and the recovery codes. */
  removeAllCodes(trx: Knex.Transaction, accountId: string): Promise<void>;
  /**
   * Deletes the connections to accounts at other services, and destroys their credentials.
   * @returns how many there were, and what revokes them there: called once that is committed
   */
  removeAllConnections(trx: Knex.Transaction, accountId: string): Promise<{ count: number; revoke(): void }>;
  revokeInvitationsBy(trx: Knex.Transaction, accountId: string): Promise<number>;
}

export type EndEarlierCredentials = (
  trx: Knex.Transaction,
  accountId: string,
  origin: Origin | undefined,
) => Promise<{ revoke(): void }>;

/**
 * When the owner of a mailbox confirms the address of an account for the first time, without having signed in to it,
 * somebody else may have created the account with that address in order to use it together with them later (account
 * pre-hijacking). Everything with which that person could come back ends: keys, the app, recovery codes, sessions, tokens,
 * grants, trusted browsers, mailed links, and the invitations that the account created. Connections end too: applications
 * would write what the owner entrusts them with into somebody else's account at a service. The caller replaces the password,
 * and revokes the connections at their services after the commit.
 */
export function createEndEarlierCredentials(deps: EarlierCredentialsDeps): EndEarlierCredentials {
  return async (trx, accountId, origin) => {
    const keys = await deps.removeAllKeys(trx, accountId);
    await deps.removeAllCodes(trx, accountId);
    const { count: connections, revoke } = await deps.removeAllConnections(trx, accountId);
    const invitations = await deps.revokeInvitationsBy(trx, accountId);
    await deps.signOutEverywhere(trx, accountId);
    const details = { keys, connections, invitations };
    await recordEventIn(trx, { action: 'account.taken_over', accountId, details }, origin);
    return { revoke };
  };
}
