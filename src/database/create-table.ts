import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';

const INSTANT: Record<string, string> = { pg: 'timestamptz(3)', mysql2: 'datetime(3)' };

/** The type of a column that holds an instant. */
export const instantType = (knex: Knex): string => INSTANT[knex.client.driverName as string] ?? 'text';

/** PostgreSQL has folded the names, and Knex asks for a name as it is. */
const folded = (knex: Knex, table: string) => (knex.client.driverName === 'pg' ? table.toLowerCase() : table);

export const hasTable = (knex: Knex, table: string): Promise<boolean> =>
  knex.schema.hasTable(folded(knex, table));

export const hasColumn = (knex: Knex, table: string, column: string): Promise<boolean> =>
  knex.schema.hasColumn(folded(knex, table), column);

export interface Columns {
  table: Knex.CreateTableBuilder;
  /** A column for an instant, in UTC with milliseconds on every engine. */
  instant(name: string): Knex.ColumnBuilder;
  /** A foreign key, as VARCHAR(36). @param onDelete what happens to this row when the other is deleted */
  reference(name: string, table: string, onDelete?: 'CASCADE' | 'SET NULL'): Knex.ColumnBuilder;
  /** Text of up to 16 MB without an index, such as JSON. */
  text(name: string): Knex.ColumnBuilder;
  index(...columns: string[]): void;
  unique(...columns: string[]): void;
}

/**
 * Drops a table that an interrupted migration left behind, perhaps without its indices: MySQL commits each statement of
 * a migration separately. The server never ran with that table, so it must be empty.
 * @throws LatchkeyError conflict when it has rows, and so belongs to someone else
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
  // Other leftover tables refer to it. They are dropped and created again in their turn.
  await knex.raw('SET foreign_key_checks = 0');
  try {
    await knex.schema.dropTable(name);
  } finally {
    await knex.raw('SET foreign_key_checks = 1');
  }
}

/**
 * Creates a table by the conventions of docs/DATABASE.md: `id`, `created_at`, FK_ and I_ names, bytewise text.
 * @param name includes the prefix: `T_accounts`
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
    const instant = (column: string) => table.specificType(column, instantType(knex));
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

/** Drops tables in reverse order of creation, so that no foreign key is in the way. */
export async function dropTables(knex: Knex, names: string[]): Promise<void> {
  for (const name of names.toReversed()) await knex.schema.dropTableIfExists(name);
}
