import type { Service } from '../services/service-config.ts';
import type { Connection } from './connection-store.ts';

/** @returns the services at which a person has several accounts, each with these accounts */
export const createChoices =
  (deps: {
    listActive(): Promise<Pick<Service, 'name' | 'displayName'>[]>;
    listConnections(accountId: string): Promise<Connection[]>;
  }) =>
  async (accountId: string) => {
    const connections = await deps.listConnections(accountId);
    // Most people have at most one account at each service: then nothing else is read.
    if (new Set(connections.map(({ service }) => service)).size === connections.length) return [];
    return (await deps.listActive())
      .map(({ name, displayName }) => ({
        service: name,
        displayName,
        connections: connections
          .filter(({ service }) => service === name)
          .map(({ id, email, displayName: label, externalId }) => ({
            id,
            label: email ?? label ?? externalId,
          })),
      }))
      .filter((choice) => choice.connections.length > 1);
  };
