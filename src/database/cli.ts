import type { Command } from 'commander';
import { print } from '../kit/terminal.ts';
import type { Database } from './open.ts';

/** Loaded when a verb runs. */
const load = () => import('./migrate.ts');

/** `latchkey db …`. @returns the command, so that other rooms can add verbs */
export function databaseCommands(
  program: Command,
  withDatabase: <T>(work: (database: Database, url: string) => Promise<T>) => Promise<T>,
): Command {
  const db = program.command('db').description('the database: its schema, statistics and expired rows');
  db.command('migrate')
    .description('apply pending migrations')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { migrateLatest } = await load();
      const applied = await withDatabase(migrateLatest);
      print(json ? { applied } : applied.map((name) => `Applied ${name}.`), json, 'The schema is current.');
    });
  db.command('rollback')
    .description('undo the last batch of migrations and drop its tables')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { migrateRollback } = await load();
      const undone = await withDatabase(migrateRollback);
      print(
        json ? { undone } : undone.map((name) => `Undid ${name}.`),
        json,
        'There is no migration to undo.',
      );
    });
  db.command('status')
    .description('list applied, pending and interrupted migrations, and what to do')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { readSchemaStatus } = await load();
      print(await withDatabase(readSchemaStatus), json);
    });
  return db;
}
