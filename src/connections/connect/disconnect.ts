import type { Origin } from '../../database/unit-of-work.ts';
import type { Service } from '../services/service-config.ts';
import type { Vault } from '../vault/index.ts';
import type { Upstream } from './upstream.ts';

export interface DisconnectDeps {
  /** Also a disabled service: people can always disconnect. */
  findService(name: string): Promise<Service | undefined>;
  vault: Pick<Vault, 'find' | 'open' | 'remove'>;
  upstream: Pick<Upstream, 'revoke'>;
  notify(accountId: string, event: 'connection_removed', details: { service: string }): void;
}

/**
 * Ends a connection: revokes its tokens at the service, and destroys them here whatever the service answers. A refresh token
 * is revoked rather than its access token, because at most services that ends both (RFC 7009 section 2.1).
 */
export function createDisconnect({ findService, vault, upstream, notify }: DisconnectDeps) {
  async function revoke(service: Service | undefined, connectionId: string): Promise<boolean> {
    if (!service?.revokeUrl) return false;
    try {
      const credential = await vault.open(connectionId);
      if (!credential) return false;
      await upstream.revoke(service, credential.refreshToken ?? credential.accessToken);
      return true;
    } catch {
      return false;
    }
  }

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
    const isRevoked = await revoke(service, connection.id);
    const removed = { id: connection.id, accountId: owner.accountId, service: connection.service };
    const by = origin === undefined ? { actorId } : { actorId, origin };
    if (!(await vault.remove(removed, by))) return undefined;
    const name = service?.displayName ?? connection.service;
    notify(owner.accountId, 'connection_removed', { service: name });
    return { isRevoked, service: name };
  };
}

export type Disconnect = ReturnType<typeof createDisconnect>;
