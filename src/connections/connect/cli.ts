import type { Command } from 'commander';
import { LatchkeyError } from '../../kit/errors.ts';
import { print } from '../../kit/terminal.ts';

interface DisconnectCommand {
  connections: {
    vault: { listAll(): Promise<{ id: string; accountId: string }[]> };
    disconnect(
      owner: { accountId: string; id: string },
      by: { actorId: string | null },
    ): Promise<{ isRevoked: boolean; service: string } | undefined>;
  };
}

/** `latchkey connection disconnect` */
export function disconnectCommand(
  connection: Command,
  withServices: <T>(work: (services: DisconnectCommand) => Promise<T>) => Promise<T>,
): void {
  connection
    .command('disconnect <id>')
    .description('end a connection: revoke its tokens at the service, and destroy them here')
    .option('--json', 'print one JSON document')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const ended = await withServices(async ({ connections }) => {
        const found = (await connections.vault.listAll()).find((one) => one.id === id);
        return found && connections.disconnect(found, { actorId: null });
      });
      if (!ended) throw new LatchkeyError('not_found', 'connection_unknown', `There is no connection ${id}.`);
      const { isRevoked, service } = ended;
      if (json) return print({ disconnected: id, service, revoked: isRevoked }, json);
      const outcome = isRevoked
        ? 'The service has revoked its tokens'
        : 'The service did not confirm that its tokens are revoked';
      print(`The account at ${service} is disconnected. ${outcome}.`, json);
    });
}
