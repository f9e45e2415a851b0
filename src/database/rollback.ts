import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';
import { hasColumn, hasTable } from './create-table.ts';
import { loadMigration, migrate, migrationConfig, refuseLaterSchema } from './migrate.ts';
import type { Database } from './open.ts';

/** A table or column that a rollback deletes. */
export interface Loss {
  table: string;
  column?: string;
  /** How many rows have something in it. */
  rows: number;
}

export interface RollbackPlan {
  migration: string;
  losses: Loss[];
  /** Other connections to the database, probably of servers that still run. Unknown on SQLite. */
  connections?: number;
}

async function countRows(knex: Knex, table: string, column?: string): Promise<number> {
  const query = knex(table).count({ n: '*' });
  if (column !== undefined) query.whereNotNull(column);
  const [row] = await query;
  return Number(row?.n);
}

/** Tables and columns that an interrupted rollback deleted already are left out. */
async function findLosses({ knex }: Database, name: string): Promise<Loss[]> {
  const { tables = [], columns = [] } = await loadMigration(name);
  const losses: Loss[] = [];
  for (const table of tables)
    if (await hasTable(knex, table)) losses.push({ table, rows: await countRows(knex, table) });
  for (const [table, column] of columns)
    if (await hasColumn(knex, table, column))
      losses.push({ table, column, rows: await countRows(knex, table, column) });
  return losses;
}

const OTHERS: Record<'postgres' | 'mysql', string> = {
  postgres: `SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'latchkey' AND pid <> pg_backend_pid()`,
  mysql: `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST
    WHERE DB = DATABASE() AND USER = SUBSTRING_INDEX(USER(), '@', 1) AND ID <> CONNECTION_ID()`,
};

async function countOtherConnections({ engine, knex }: Database): Promise<number | undefined> {
  if (engine === 'sqlite') return undefined;
  const answer = await knex.raw(OTHERS[engine]);
  const [row] = engine === 'postgres' ? answer.rows : answer[0];
  return Number(row.n);
}

/**
 * What undoing the latest migration deletes, or undefined if no migration is applied.
 * @throws LatchkeyError conflict when a later version has applied it
 */
export async function planRollback(database: Database): Promise<RollbackPlan | undefined> {
  const { engine, knex } = database;
  await refuseLaterSchema(database);
  const connections = await countOtherConnections(database);
  const [applied] = (await knex.migrate.list(migrationConfig(engine))) as [{ name: string }[], unknown];
  const migration = applied.at(-1)?.name;
  if (migration === undefined) return undefined;
  return { migration, losses: await findLosses(database, migration), connections };
}

/**
 * Undoes the latest migration, and no other.
 * @returns its name, or undefined if no migration is applied
 */
export async function rollBack(database: Database, url: string): Promise<string | undefined> {
  const [name] = await migrate(database, url, 'down');
  return name;
}

/**
 * Backups are the way back in production: a rollback would delete rows that nothing brings back.
 * @throws LatchkeyError conflict
 */
export function refuseLoss({ migration, losses }: RollbackPlan): void {
  if (losses.every(({ rows }) => rows === 0)) return;
  throw new LatchkeyError(
    'conflict',
    'rollback_would_lose_rows',
    `In production ${migration} is not undone, because that would delete ${losses.map(describeLoss).join(', ')}. Restore a backup instead. To delete them all the same, add --delete-rows.`,
  );
}

/** `T_invitations (12 rows)` */
export const describeLoss = ({ table, column, rows }: Loss): string =>
  `${column === undefined ? table : `${table}.${column}`} (${rows === 1 ? '1 row' : `${rows} rows`})`;
