import type { Knex } from 'knex';
import type { Origin } from '../../database/unit-of-work.ts';
import type { Service } from '../services/service-config.ts';
import type { Vault } from '../vault/index.ts';
import type { Revocation } from './revocation.ts';

export interface DisconnectDeps {
  /** Finds a service, even a disabled one: people can always disconnect. */
  findService(name: string): Promise<Service | undefined>;
  vault: Pick<Vault, 'find' | 'remove'>;
  revocation: Pick<Revocation, 'prepare'>;
  /**
   * Checks that its owner can still sign in afterwards.
   * @returns the same check for the transaction that removes it @throws LatchkeyError conflict
   */
  prepareRemoval(connection: {
    accountId: string;
    id: string;
  }): Promise<(trx: Knex.Transaction) => Promise<void>>;
  notify(accountId: string, event: 'connection_removed', details: { service: string }): void;
}

/**
 * Ends a connection: revokes its tokens at the service, and destroys them here whatever the service answers.
 */
export function createDisconnect(deps: DisconnectDeps) {
  const { findService, vault, revocation, notify } = deps;

  /**
   * @param actorId the user, or null for the operator
   * @returns whether the service confirmed the revocation; undefined when the account has no such connection
   * @throws LatchkeyError conflict when its owner could not sign in without it
   */
  return async (
    owner: { accountId: string; id: string },
    { actorId, origin }: { actorId: string | null; origin?: Origin },
  ): Promise<{ isRevoked: boolean; service: string } | undefined> => {
    const connection = await vault.find(owner.accountId, owner.id);
    if (!connection) return undefined;
    // Before the tokens are revoked: a connection that may not be removed must keep working.
    const prepare = await deps.prepareRemoval(connection);
    const service = await findService(connection.service).catch(() => undefined);
    const revoke = await revocation.prepare(connection);
    const isRevoked = await revoke();
    const removed = { id: connection.id, accountId: owner.accountId, service: connection.service };
    const by = origin === undefined ? { actorId, prepare } : { actorId, prepare, origin };
    if (!(await vault.remove(removed, by))) return undefined;
    const name = service?.displayName ?? connection.service;
    notify(owner.accountId, 'connection_removed', { service: name });
    return { isRevoked, service: name };
  };
}

export type Disconnect = ReturnType<typeof createDisconnect>;
