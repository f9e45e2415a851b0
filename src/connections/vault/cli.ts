import type { Command } from 'commander';
import { LatchkeyError } from '../../kit/errors.ts';
import { print, showProgress } from '../../kit/terminal.ts';
import type { ResealedServices } from '../services/reseal.ts';
import type { Connection } from './connection-store.ts';
import type { Resealed } from './reseal.ts';

interface VaultCommands {
  connections: {
    vault: {
      list(accountId: string): Promise<Connection[]>;
      listAll(): Promise<Connection[]>;
      reseal(onProgress: { begin(rows: number): void; add(rows: number): void }): Promise<Resealed>;
    };
    services: { reseal(): Promise<ResealedServices> };
  };
  accounts: {
    /** @throws LatchkeyError not_found */
    show(username: string): Promise<{ id: string }>;
  };
}

interface ConnectionArguments {
  account?: string;
  json?: boolean;
}

const toDocument = (connection: Connection) => ({
  id: connection.id,
  account_id: connection.accountId,
  service: connection.service,
  external_id: connection.externalId,
  email: connection.email ?? null,
  display_name: connection.displayName ?? null,
  access_level: connection.accessLevel,
  scope: connection.scope ?? null,
  status: connection.syncStatus,
  error: connection.syncError ?? null,
  created_at: connection.createdAt,
  last_used_at: connection.lastUsedAt ?? null,
});

const toSummary = ({
  id,
  service,
  email,
  external_id,
  status,
  error,
  last_used_at,
}: ReturnType<typeof toDocument>) => ({
  id,
  service,
  account: email ?? external_id,
  status,
  error,
  last_used_at: last_used_at?.toISOString() ?? null,
});

/** `latchkey connection list` and `latchkey connection reseal` */
export function vaultCommands(
  connection: Command,
  withServices: <T>(work: (commands: VaultCommands) => Promise<T>) => Promise<T>,
): void {
  const json = ['--json', 'print one JSON document'] as const;

  connection
    .command('list')
    .description('list them')
    .option('--account <username>', 'those of this account')
    .option(...json)
    .action(async ({ account, json: asJson }: ConnectionArguments) => {
      const found = await withServices(async ({ connections: { vault }, accounts }) =>
        account === undefined ? vault.listAll() : vault.list((await accounts.show(account)).id),
      );
      const documents = found.map(toDocument);
      print(asJson ? documents : documents.map(toSummary), asJson, 'Nobody has connected an account.');
    });

  connection
    .command('reseal')
    .description(
      'seal every credential, and the secrets of services, with the newest key of LATCHKEY_SECRETS, so that an older one can be removed',
    )
    .option(...json)
    .action(async ({ json: asJson }: ConnectionArguments) => {
      let bar: ReturnType<typeof showProgress> | undefined;
      const outcome = await withServices(async ({ connections: { vault, services } }) => ({
        ...(await vault.reseal({
          begin: (rows) => {
            bar = process.stderr.isTTY ? showProgress([{ rows }]) : undefined;
          },
          add: (rows) => bar?.add(rows),
        })),
        services: await services.reseal(),
      })).finally(() => bar?.end());
      const { resealed, unchanged, services } = outcome;
      if (asJson) print(outcome, asJson);
      else {
        print(`${resealed} sealed again. ${unchanged} had the newest key already.`, asJson);
        print(
          `Secrets of services: ${services.resealed} sealed again, ${services.unchanged} unchanged.`,
          asJson,
        );
      }
      // The older key must not be removed in the belief that nothing needs it.
      const left = [
        ...outcome.damaged.map((id) => `connection ${id}`),
        ...services.damaged.map((name) => `secret of ${name}`),
      ];
      if (left.length > 0)
        throw new LatchkeyError(
          'conflict',
          'credentials_unreadable',
          `These cannot be read, and were left: ${left.join(', ')}`,
        );
    });
}
