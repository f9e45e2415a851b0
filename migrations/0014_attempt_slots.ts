import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

const TABLES = ['T_credentials', 'T_known_browsers'];
const COLUMN = 'attempts_under_way';

export const columns: [table: string, column: string][] = TABLES.map((table) => [table, COLUMN]);
/** Five free slots, as in `src/identity/passwords/attempt-slots.ts`. */
const ALL_FREE = '0000000000000.000000'.repeat(5);

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

/** The default serves servers of the version before this one, which add rows without this column. */
export async function up(knex: Knex): Promise<void> {
  for (const name of TABLES)
    await knex.schema
      .alterTable(name, (table) => table.string(COLUMN, ALL_FREE.length).notNullable().defaultTo(ALL_FREE))
      .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const name of TABLES)
    if (await hasTable(knex, name))
      await knex
        .raw('ALTER TABLE ?? DROP COLUMN ??', [name, COLUMN])
        .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
