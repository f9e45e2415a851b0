import type { Command } from 'commander';
import { confirmLoss, print, YES } from '../kit/terminal.ts';
import type { Database } from './open.ts';

interface Settings {
  databaseUrl: string;
  production: boolean;
}

interface RollbackArguments {
  yes?: boolean;
  deleteRows?: boolean;
  json?: boolean;
}

/** What an operator types to confirm a rollback: the name of the database, or of SQLite's file. */
const nameOf = (url: string) => decodeURIComponent(/([^/]+?)(\?.*)?$/.exec(url)?.[1] ?? url);

/** Imported only when a verb of `db` runs, so that other commands start fast. */
const load = () => import('./migrate.ts');

/** `latchkey db …`. @returns the command, so that other rooms can add verbs */
export function databaseCommands(
  program: Command,
  withDatabase: <T>(
    work: (database: Database, config: Settings) => Promise<T>,
    options?: { mayCreate: boolean },
  ) => Promise<T>,
): Command {
  const db = program.command('db').description('the database: its schema, statistics and expired rows');
  db.command('migrate')
    .description('apply pending migrations')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { migrateLatest } = await load();
      const applied = await withDatabase(
        (database, { databaseUrl }) => migrateLatest(database, databaseUrl),
        { mayCreate: true },
      );
      print(json ? { applied } : applied.map((name) => `Applied ${name}.`), json, 'The schema is current.');
    });
  db.command('rollback')
    .description(
      'undo the latest migration, after it has named the tables, columns and rows that are deleted',
    )
    .option(...YES)
    .option('--delete-rows', 'in production: also when rows are deleted')
    .option('--json', 'print one JSON document')
    .action(async ({ json, yes, deleteRows }: RollbackArguments) => {
      const undone = await withDatabase(async (database, { databaseUrl, production }) => {
        const { describeLoss, planRollback, refuseLoss, rollBack } = await import('./rollback.ts');
        const plan = await planRollback(database);
        if (plan === undefined) return [];
        if (production && !deleteRows) refuseLoss(plan);
        const { migration, losses, connections } = plan;
        const lines = [`This undoes ${migration}, and deletes:`];
        lines.push(...losses.map((loss) => `  ${describeLoss(loss)}`));
        if (losses.length === 0) lines[0] = `This undoes ${migration}. It deletes no table and no column.`;
        if (connections) lines.push(`Stop the servers first: ${connections} other connections are open.`);
        await confirmLoss(lines, { expected: nameOf(databaseUrl), what: 'the name of the database', yes });
        const name = await rollBack(database, databaseUrl);
        return name === undefined ? [] : [{ migration: name, losses }];
      });
      const names = undone.map(({ migration }) => migration);
      const document = { undone: names, deleted: undone.flatMap(({ losses }) => losses) };
      print(json ? document : names.map((name) => `Undid ${name}.`), json, 'There is no migration to undo.');
    });
  db.command('status')
    .description('list applied, pending and interrupted migrations, and what to do')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { readSchemaStatus } = await load();
      print(await withDatabase((database) => readSchemaStatus(database)), json);
    });
  return db;
}
