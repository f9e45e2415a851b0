import { purgedTables, type Retention, retentionRules } from '../config/retention.ts';
import { findClockFault } from '../database/clock.ts';
import { withoutDeadline } from '../database/knex-deadline.ts';
import type { Database } from '../database/open.ts';
import { returnFreePages } from '../database/sqlite-files.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { changeInBatches, type SweepControl } from './batches.ts';
import { purgeCondition, toDialect } from './dialect.ts';

/** Deletes rows that are past their time. `config/retention.ts` says which rows, and for how long each is kept; `app/jobs.ts` runs it every minute. */

/** How many rows of a table were deleted, or would be. */
export interface PurgedTable {
  table: string;
  rows: number;
}

export interface PurgeOptions {
  retention: Retention;
  /** The only table to purge. Without it, every table whose rows expire. */
  table?: string;
}

export interface PurgeControl {
  /** Called after each batch. */
  onBatch?(table: string, rows: number): void;
  shouldContinue?: SweepControl['shouldContinue'];
}

/** @throws LatchkeyError invalid_input for a table whose rows do not expire */
function chooseTables({ table }: PurgeOptions): string[] {
  if (table === undefined) return purgedTables;
  if (purgedTables.includes(table)) return [table];
  throw new LatchkeyError(
    'invalid_input',
    'table_not_purged',
    `Rows of ${table} do not expire. Choose one of: ${purgedTables.join(', ')}. Nothing was deleted.`,
  );
}

const rulesOf = (table: string) => retentionRules.filter((rule) => rule.table === table);

/**
 * Counts the rows that `purge` would delete, and deletes none.
 * @throws LatchkeyError invalid_input for a table whose rows do not expire
 */
export async function countPurge({ knex, engine }: Database, options: PurgeOptions): Promise<PurgedTable[]> {
  const counted: PurgedTable[] = [];
  for (const table of chooseTables(options)) {
    const query = knex(table);
    for (const rule of rulesOf(table))
      query.orWhereRaw(`(${toDialect(purgeCondition(rule, options.retention), engine)})`);
    const row = await withoutDeadline(() => query.count({ n: '*' }).first());
    counted.push({ table, rows: Number(row?.n) });
  }
  return counted;
}

/**
 * Deletes expired rows in batches. It is safe beside servers and other purges; an interrupted purge is continued by
 * the next one. The database's clock decides what has expired, so nothing is deleted while this clock says another time:
 * a database whose clock is years ahead would lose its whole audit log, and every session.
 * @throws LatchkeyError invalid_input for a table whose rows do not expire; unavailable while the clocks differ
 */
export async function purge(
  database: Database,
  options: PurgeOptions,
  { onBatch, shouldContinue }: PurgeControl = {},
): Promise<PurgedTable[]> {
  const tables = chooseTables(options);
  const fault = await findClockFault(database);
  if (fault !== undefined)
    throw new LatchkeyError('unavailable', 'clocks_differ', `Nothing was deleted. ${fault}`);
  const purged: PurgedTable[] = [];
  for (const table of tables) {
    let rows = 0;
    for (const rule of rulesOf(table)) {
      const sweep = { table, column: rule.column, condition: purgeCondition(rule, options.retention) };
      rows += await changeInBatches(database, sweep, (batch) => batch.delete(), {
        onBatch: (count) => onBatch?.(table, count),
        shouldContinue,
      });
    }
    purged.push({ table, rows });
  }
  await returnFreePages(database);
  return purged;
}

/** How much the clocks of several servers, and the times at which they run, may differ. */
const OVERLAP_MS = 3_600_000;

/**
 * Marks pending authorization requests as `expired` once their time is over.
 * @returns the job. Its first run looks at all requests, later runs at those of the last hour
 */
export function createRequestExpiry(database: Database): (control?: SweepControl) => Promise<number> {
  let since: Date | undefined;
  return async (control) => {
    const began = Date.now();
    const sweep = {
      table: 'T_authorization_requests',
      column: 'expires_at',
      condition: "expires_at < CURRENT_TIMESTAMP AND status = 'pending'",
      since,
    };
    const expired = await changeInBatches(
      database,
      sweep,
      (batch) => batch.update({ status: 'expired' }),
      control,
    );
    since = new Date(began - OVERLAP_MS);
    return expired;
  };
}
