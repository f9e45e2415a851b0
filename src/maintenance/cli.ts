import type { Command } from 'commander';
import type { Retention } from '../config/retention.ts';
import type { Database } from '../database/open.ts';
import { print, printTable, showProgress } from '../kit/terminal.ts';

interface PurgeArguments {
  dryRun?: boolean;
  table?: string;
  json?: boolean;
}

/** `tells` is a member of the JSON output, so it keeps its name. */
async function listReports(): Promise<{ report: string; tells: string }[]> {
  const { reports } = await import('./reports.ts');
  return Object.entries(reports()).map(([report, { description: tells }]) => ({ report, tells }));
}

/** `latchkey db purge` and `latchkey db report` */
export function maintenanceCommands(
  db: Command,
  withDatabase: <T>(work: (database: Database, retention: Retention) => Promise<T>) => Promise<T>,
): void {
  db.command('purge')
    .description('delete expired rows in small batches; safe while servers run')
    .option('--dry-run', 'count the rows and delete none')
    .option('--table <T>', 'purge this table only')
    .option('--json', 'print one JSON document')
    .action(async ({ dryRun = false, table, json }: PurgeArguments) => {
      const { countPurge, purge } = await import('./purge.ts');
      const tables = await withDatabase(async (database, retention) => {
        const options = { retention, table };
        if (dryRun) return countPurge(database, options);
        const bar = process.stderr.isTTY ? showProgress(await countPurge(database, options)) : undefined;
        try {
          return await purge(database, options, { onBatch: (_table, rows) => bar?.add(rows) });
        } finally {
          bar?.end();
        }
      });
      const rows = tables.reduce((sum, one) => sum + one.rows, 0);
      if (json) return print({ dry_run: dryRun, rows, tables }, json);
      if (rows > 0) printTable(tables.filter((one) => one.rows > 0));
      print(`${rows === 1 ? '1 row' : `${rows} rows`} ${dryRun ? 'would be deleted' : 'deleted'}.`, json);
    });

  db.command('report')
    .description('run a monitoring query; without a name, list the queries')
    .argument('[name]')
    .option('--json', 'print one JSON document')
    .action(async (name: string | undefined, { json }: { json?: boolean }) => {
      const { runReport } = await import('./reports.ts');
      const rows =
        name === undefined
          ? await listReports()
          : await withDatabase((database, retention) => runReport(database, name, retention));
      if (json) print(rows, json);
      else printTable(rows, `The report ${name} found no rows.`);
    });
}
