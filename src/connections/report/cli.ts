import type { Command } from 'commander';
import { print, printTable } from '../../kit/terminal.ts';
import type { ConnectionReport } from './report.ts';

/** `latchkey connection report` */
export function connectionReportCommand(
  connection: Command,
  readReport: () => Promise<ConnectionReport>,
): void {
  connection
    .command('report')
    .description('connections that work, expire or need their owner, and the last 24 hours')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const report = await readReport();
      if (json) return print(report, json);
      const { active, expiring, in_error } = report;
      print(
        `${active} active, ${expiring} within an hour of expiry. ${in_error} waiting for ${in_error === 1 ? 'its owner' : 'their owners'} to connect again.`,
        json,
      );
      const parts = [
        ['Connected accounts', report.connections],
        ['Need their owner', report.errors],
        ['Calls of the last 24 hours', report.calls],
        ['Tokens handed out in the last 24 hours', report.handouts],
        ['Syncs of the last 24 hours', report.syncs],
      ] as const;
      for (const [title, rows] of parts) {
        print(`\n${title}`, json);
        printTable(rows, 'None.');
      }
    });
}
