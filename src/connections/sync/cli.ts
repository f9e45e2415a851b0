import type { Command } from 'commander';
import { print } from '../../kit/terminal.ts';
import type { SyncResult } from './index.ts';

/** `latchkey connection sync` */
export function connectionSyncCommand(
  connection: Command,
  sync: (id: string) => Promise<SyncResult[]>,
): void {
  connection
    .command('sync <id>')
    .description('read the profile and a first page of what a connection allows')
    .option('--json', 'print one JSON document')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const results = await sync(id);
      print(json ? { id, results } : results, json, 'Nothing is read at this service.');
    });
}
