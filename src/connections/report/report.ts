import type { Database } from '../../database/open.ts';
import type { Cell } from '../../maintenance/dialect.ts';
import { runReport } from '../../maintenance/reports.ts';

type Row = Record<string, Cell>;

/** What administrators read about connections. The members of the rows are the columns of the monitoring queries. */
export interface ConnectionReport {
  /** Connections that work. */
  active: number;
  /** Working connections whose access token expires within the hour. Most services issue tokens for one hour. */
  expiring: number;
  /** Connections that need their owner. */
  in_error: number;
  /** The numbers of each service. */
  connections: Row[];
  /** The connections that need their owner, and why. */
  errors: Row[];
  /** Calls of applications in the last 24 hours. */
  calls: Row[];
  /** Tokens of services that applications were given in the last 24 hours, or tried to get. */
  handouts: Row[];
  /** Syncs of the last 24 hours. */
  syncs: Row[];
}

const sum = (rows: Row[], column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);

/** Reads the report of connections. Counts every connection, and each call of a day. */
export function createConnectionReport(database: Database) {
  const read = (name: string) => runReport(database, name, {});
  return async (): Promise<ConnectionReport> => {
    const connections = await read('connections');
    return {
      active: sum(connections, 'active'),
      expiring: sum(connections, 'expiring'),
      in_error: sum(connections, 'in_error'),
      connections,
      errors: await read('connection-errors'),
      calls: await read('connection-calls'),
      handouts: await read('connection-handouts'),
      syncs: await read('connection-syncs'),
    };
  };
}
