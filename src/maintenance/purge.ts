import type { Database } from '../database/open.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { inBatches, type Pace } from './batches.ts';
import { inDialect } from './dialect.ts';
import { conditionOf, purgedTables, type Retention, rules } from './retention.ts';

export interface Purged {
  table: string;
  rows: number;
}

export interface PurgeOptions {
  retention: Retention;
  /** One table; else every one whose rows expire. */
  table?: string;
}

function chosen({ table }: PurgeOptions): string[] {
  if (table === undefined) return purgedTables;
  if (purgedTables.includes(table)) return [table];
  throw new LatchkeyError(
    'invalid_input',
    'table_not_purged',
    `Nothing of ${table} expires. Name one of: ${purgedTables.join(', ')}. Nothing was deleted.`,
  );
}

/**
 * How many rows wait to be deleted; deletes none.
 * @throws LatchkeyError invalid_input for a table whose rows do not expire
 */
export async function countPurge({ knex, engine }: Database, options: PurgeOptions): Promise<Purged[]> {
  const purged: Purged[] = [];
  for (const table of chosen(options)) {
    const query = knex(table);
    for (const rule of rules.filter((one) => one.table === table))
      query.orWhereRaw(`(${inDialect(conditionOf(rule, options.retention), engine)})`);
    const row = await query.count({ n: '*' }).first();
    purged.push({ table, rows: Number(row?.n) });
  }
  return purged;
}

/**
 * Deletes what has expired, a batch at a time. Safe beside servers and beside another purge; what was cut off is gone
 * on with by the next.
 * @throws LatchkeyError invalid_input for a table whose rows do not expire
 */
export async function purge(
  database: Database,
  options: PurgeOptions,
  pace: { told?(table: string, rows: number): void; goOn?: Pace['goOn'] } = {},
): Promise<Purged[]> {
  const purged: Purged[] = [];
  for (const table of chosen(options)) {
    let rows = 0;
    for (const rule of rules.filter((one) => one.table === table)) {
      const sweep = { table, column: rule.column, condition: conditionOf(rule, options.retention) };
      rows += await inBatches(database, sweep, (batch) => batch.delete(), {
        told: (count) => pace.told?.(table, count),
        goOn: pace.goOn,
      });
    }
    purged.push({ table, rows });
  }
  return purged;
}

/** How far servers' clocks and turns may be apart. */
const OVERLAP_MS = 3_600_000;

/**
 * Authorization requests that nobody finished become `expired` as their time comes.
 * @returns what a job calls again and again: the first time it looks at all, then at the last hour
 */
export function createExpiry(database: Database): (pace?: Pace) => Promise<number> {
  let since: Date | undefined;
  return async (pace) => {
    const began = Date.now();
    const sweep = {
      table: 'T_authorization_requests',
      column: 'expires_at',
      condition: "expires_at < CURRENT_TIMESTAMP AND status = 'pending'",
      since,
    };
    const expired = await inBatches(database, sweep, (batch) => batch.update({ status: 'expired' }), pace);
    since = new Date(began - OVERLAP_MS);
    return expired;
  };
}
