import type { Command } from 'commander';
import { print } from '../kit/terminal.ts';
import type { Database } from './open.ts';

/** Loaded when a verb runs. */
const load = () => import('./migrate.ts');

/** `latchkey db …`. @returns the command, for others to add to */
export function databaseCommands(
  program: Command,
  use: <T>(work: (database: Database, url: string) => Promise<T>) => Promise<T>,
): Command {
  const db = program.command('db').description('the database: its schema, what is there, what has expired');
  db.command('migrate')
    .description('bring the schema forward')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { migrateLatest } = await load();
      const applied = await use(migrateLatest);
      print(json ? { applied } : applied.length > 0 ? applied : 'The schema is current.', json);
    });
  db.command('rollback')
    .description('take back the last batch of migrations, with their tables')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { migrateRollback } = await load();
      const undone = await use(migrateRollback);
      print(json ? { undone } : undone.length > 0 ? undone : 'There is nothing to take back.', json);
    });
  db.command('status')
    .description('which migrations were applied, are pending or died halfway, and what to do')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { schemaStatus } = await load();
      print(await use(schemaStatus), json);
    });
  return db;
}
