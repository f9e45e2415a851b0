import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';

const INSTANT: Record<string, string> = { pg: 'timestamptz(3)', mysql2: 'datetime(3)' };

export interface Columns {
  table: Knex.CreateTableBuilder;
  /** UTC with milliseconds on every engine. */
  instant(name: string): Knex.ColumnBuilder;
  /** VARCHAR(36) that names a row of that table; what happens to it when the row goes. */
  reference(name: string, table: string, onDelete?: 'CASCADE' | 'SET NULL'): Knex.ColumnBuilder;
  /** TEXT of up to 16 MB: JSON, lists, anything without an index. */
  text(name: string): Knex.ColumnBuilder;
  index(...columns: string[]): void;
  unique(...columns: string[]): void;
}

/**
 * MySQL commits each statement of a migration by itself: one that died left tables behind, maybe without their indices,
 * that no applied migration knows of. Nothing can have been written to them.
 * @throws LatchkeyError conflict when there is something in it after all: it is somebody else's
 */
async function dropLeftover(knex: Knex, name: string): Promise<void> {
  if (!(await knex.schema.hasTable(name))) return;
  if (await knex(name).first()) {
    throw new LatchkeyError(
      'conflict',
      'table_in_the_way',
      `There is a table ${name} with rows in it that no migration made. Rename it or use another database.`,
    );
  }
  // Others of the leftover point at it; they are made anew in their turn.
  await knex.raw('SET foreign_key_checks = 0');
  try {
    await knex.schema.dropTable(name);
  } finally {
    await knex.raw('SET foreign_key_checks = 1');
  }
}

/**
 * Creates a table by the conventions of docs/DATABASE.md: `id`, `created_at`, FK_ and I_ names, bytewise text.
 * @param name with its prefix: `T_accounts`
 */
export async function createTable(
  knex: Knex,
  name: string,
  define: (columns: Columns) => void,
): Promise<void> {
  const short = name.slice(2);
  const engine = knex.client.driverName as string;
  if (engine === 'mysql2') await dropLeftover(knex, name);
  await knex.schema.createTable(name, (table) => {
    if (engine === 'mysql2') {
      table.charset('utf8mb4');
      table.collate('utf8mb4_bin');
      table.engine('InnoDB');
    }
    const instant = (column: string) => table.specificType(column, INSTANT[engine] ?? 'text');
    table.string('id', 36).notNullable().primary();
    define({
      table,
      instant,
      reference: (column, target, onDelete = 'CASCADE') => {
        table.foreign(column, `FK_${short}_${column}`).references('id').inTable(target).onDelete(onDelete);
        return table.string(column, 36);
      },
      text: (column) => table.text(column, 'mediumtext'),
      index: (...columns) => void table.index(columns, `I_${short}_${columns.join('_')}`),
      unique: (...columns) => void table.unique(columns, { indexName: `I_${short}_${columns.join('_')}` }),
    });
    instant('created_at').notNullable();
  });
}

/** Drops in reverse order of creation, so that no foreign key is in the way. */
export async function dropTables(knex: Knex, names: string[]): Promise<void> {
  for (const name of names.toReversed()) await knex.schema.dropTableIfExists(name);
}
