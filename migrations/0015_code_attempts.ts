import type { Knex } from 'knex';
import { hasTable, instantType } from '../src/database/create-table.ts';

const COUNT = 'failed_code_attempts';
const LOCK = 'codes_locked_until';
export const columns: [table: string, column: string][] = [
  ['T_accounts', COUNT],
  ['T_accounts', LOCK],
  ['T_known_browsers', COUNT],
  ['T_known_browsers', LOCK],
  ['T_known_browsers', 'second_factor_at'],
];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

/** The default serves servers of the version before this one, which add rows without these columns. */
export async function up(knex: Knex): Promise<void> {
  for (const [name, column] of columns)
    await knex.schema
      .alterTable(name, (table) => {
        if (column === COUNT) table.integer(column).notNullable().defaultTo(0);
        else table.specificType(column, instantType(knex));
      })
      .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const [name, column] of columns.toReversed())
    if (await hasTable(knex, name))
      await knex
        .raw('ALTER TABLE ?? DROP COLUMN ??', [name, column])
        .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
