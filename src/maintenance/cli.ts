import type { Command } from 'commander';
import type { Database } from '../database/open.ts';
import { print, printTable, progress } from '../kit/terminal.ts';
import { countPurge, purge } from './purge.ts';
import { reports, runReport } from './reports.ts';
import type { Retention } from './retention.ts';

interface PurgeArguments {
  dryRun?: boolean;
  table?: string;
  json?: boolean;
}

/** `latchkey db purge` and `latchkey db report` */
export function upkeepCommands(
  db: Command,
  use: <T>(work: (database: Database, retention: Retention) => Promise<T>) => Promise<T>,
): void {
  db.command('purge')
    .description('delete what has expired, a few rows at a time; safe beside running servers')
    .option('--dry-run', 'count it and delete nothing')
    .option('--table <T>', 'of one table alone')
    .option('--json', 'print one JSON document')
    .action(async ({ dryRun = false, table, json }: PurgeArguments) => {
      const tables = await use(async (database, retention) => {
        const options = { retention, table };
        if (dryRun) return countPurge(database, options);
        const bar = process.stderr.isTTY ? progress(await countPurge(database, options)) : undefined;
        try {
          return await purge(database, options, { told: (_table, rows) => bar?.add(rows) });
        } finally {
          bar?.end();
        }
      });
      const rows = tables.reduce((sum, one) => sum + one.rows, 0);
      if (json) return print({ dry_run: dryRun, rows, tables }, json);
      if (rows > 0) printTable(tables.filter((one) => one.rows > 0));
      print(`${rows} row(s) ${dryRun ? 'would be deleted' : 'deleted'}.`, json);
    });

  db.command('report')
    .description('what is there: without a name, which reports there are')
    .argument('[name]')
    .option('--json', 'print one JSON document')
    .action(async (name: string | undefined, { json }: { json?: boolean }) => {
      const rows =
        name === undefined
          ? Object.entries(reports()).map(([report, { tells }]) => ({ report, tells }))
          : await use((database, retention) => runReport(database, name, retention));
      if (json) print(rows, json);
      else printTable(rows);
    });
}
