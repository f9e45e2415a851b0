import type { Origin } from '../../database/unit-of-work.ts';
import type { Service } from '../services/service-config.ts';
import type { Vault } from '../vault/index.ts';
import type { Revocation } from './revocation.ts';

export interface DisconnectDeps {
  /** Also a disabled service: people can always disconnect. */
  findService(name: string): Promise<Service | undefined>;
  vault: Pick<Vault, 'find' | 'remove'>;
  revocation: Pick<Revocation, 'prepare'>;
  notify(accountId: string, event: 'connection_removed', details: { service: string }): void;
}

/**
 * Ends a connection: revokes its tokens at the service, and destroys them here whatever the service answers.
 */
export function createDisconnect({ findService, vault, revocation, notify }: DisconnectDeps) {
  /**
   * @param actorId the user, or null for the operator
   * @returns whether the service has confirmed it; undefined when the account has no such connection
   */
  return async (
    owner: { accountId: string; id: string },
    { actorId, origin }: { actorId: string | null; origin?: Origin },
  ): Promise<{ isRevoked: boolean; service: string } | undefined> => {
    const connection = await vault.find(owner.accountId, owner.id);
    if (!connection) return undefined;
    const service = await findService(connection.service).catch(() => undefined);
    const revoke = await revocation.prepare(connection);
    const isRevoked = await revoke();
    const removed = { id: connection.id, accountId: owner.accountId, service: connection.service };
    const by = origin === undefined ? { actorId } : { actorId, origin };
    if (!(await vault.remove(removed, by))) return undefined;
    const name = service?.displayName ?? connection.service;
    notify(owner.accountId, 'connection_removed', { service: name });
    return { isRevoked, service: name };
  };
}

export type Disconnect = ReturnType<typeof createDisconnect>;
