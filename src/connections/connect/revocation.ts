import type { Logger } from '../../kit/log.ts';
import type { Service } from '../services/service-config.ts';
import type { Connection } from '../vault/connection-store.ts';
import type { Vault } from '../vault/index.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamRevocationDeps {
  /** Finds a service, even a disabled one: people can always disconnect. */
  findService(name: string): Promise<Service | undefined>;
  vault: Pick<Vault, 'list' | 'open'>;
  upstream: Pick<Upstream, 'revoke'>;
  /** Runs work after the response. */
  background: { run(name: string, work: () => Promise<unknown>): void };
  log: Pick<Logger, 'warn'>;
}

type Named = Pick<Connection, 'id' | 'service'>;

/** Revoking credentials at their services. */
export function createRevocation({ findService, vault, upstream, background, log }: UpstreamRevocationDeps) {
  /**
   * Reads what has to be revoked, so that it can be destroyed here before the service is asked. A refresh token is revoked
   * rather than its access token, because at most services that ends both (RFC 7009 section 2.1).
   * @returns what asks the service, for some seconds at most, and resolves with whether it has confirmed
   */
  async function prepare({ id, service: name }: Named): Promise<() => Promise<boolean>> {
    const service = await findService(name).catch(() => undefined);
    if (!service?.revokeUrl) return async () => false;
    const credential = await vault.open(id).catch(() => undefined);
    if (!credential) return async () => false;
    const token = credential.refreshToken ?? credential.accessToken;
    return () =>
      upstream.revoke(service, token).then(
        () => true,
        () => false,
      );
  }

  return {
    prepare,

    /**
     * The same for every connection of an account that is to be deleted.
     * @returns what asks the services in the background: call it once the account is deleted
     */
    async prepareAll(accountId: string): Promise<() => void> {
      const connections = await vault.list(accountId);
      const prepared = await Promise.all(
        connections.map(async (connection) => ({ ...connection, revoke: await prepare(connection) })),
      );
      return () => {
        for (const { service, revoke } of prepared)
          background.run('revoke_connection', async () => {
            if (!(await revoke())) log.warn({ event: 'connection_not_revoked', service });
          });
      };
    },
  };
}

export type Revocation = ReturnType<typeof createRevocation>;
