import type { Knex } from 'knex';
import type { Logger } from '../../kit/log.ts';
import type { Service } from '../services/service-config.ts';
import type { Connection } from '../vault/connection-store.ts';
import type { VaultCredential } from '../vault/credential-store.ts';
import type { Vault } from '../vault/index.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamRevocationDeps {
  /** Finds a service, even a disabled one: people can always disconnect. */
  findService(name: string): Promise<Service | undefined>;
  vault: Pick<Vault, 'open' | 'removeAll'>;
  upstream: Pick<Upstream, 'revoke'>;
  /** Runs work after the response. */
  background: { run(name: string, work: () => Promise<unknown>): void };
  log: Pick<Logger, 'warn'>;
}

type Named = Pick<Connection, 'id' | 'service'>;
type Tokens = Pick<VaultCredential, 'accessToken' | 'refreshToken'>;

export interface RemovedConnections {
  count: number;
  /** Revokes them at their services, after the response. */
  revoke(): void;
}

/** Revoking credentials at their services. */
export function createRevocation({ findService, vault, upstream, background, log }: UpstreamRevocationDeps) {
  /**
   * A refresh token is revoked rather than its access token, because at most services that ends both (RFC 7009 section 2.1).
   * @returns whether the service has confirmed it, after some seconds at most
   */
  async function revoke(service: Service | undefined, credential: Tokens | undefined): Promise<boolean> {
    if (!service?.revokeUrl || !credential) return false;
    return upstream.revoke(service, credential.refreshToken ?? credential.accessToken).then(
      () => true,
      () => false,
    );
  }

  return {
    /**
     * Reads what has to be revoked, so that it can be destroyed here before the service is asked.
     * @returns what asks the service
     */
    async prepare({ id, service: name }: Named): Promise<() => Promise<boolean>> {
      const service = await findService(name).catch(() => undefined);
      const credential = service?.revokeUrl ? await vault.open(id).catch(() => undefined) : undefined;
      return () => revoke(service, credential);
    },

    /**
     * Deletes every connection of an account, whose row is locked. What is revoked is what was deleted: the same transaction
     * reads it.
     * @returns how many there were, and what asks the services in the background: call it once this is committed
     */
    async removeAll(trx: Knex.Transaction, accountId: string): Promise<RemovedConnections> {
      const { count, removed } = await vault.removeAll(trx, accountId);
      return {
        count,
        revoke() {
          for (const { service: name, credential } of removed)
            background.run('revoke_connection', async () => {
              const service = await findService(name).catch(() => undefined);
              if (!(await revoke(service, credential)))
                log.warn({ event: 'connection_not_revoked', service: name });
            });
        },
      };
    },
  };
}

export type Revocation = ReturnType<typeof createRevocation>;
