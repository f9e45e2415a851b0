import type { Knex } from 'knex';
import { instantType } from '../src/database/create-table.ts';

const TABLE = 'T_user_providers';
const COLUMNS = ['may_sign_in', 'signed_in_at'];

export const columns: [table: string, column: string][] = COLUMNS.map((column) => [TABLE, column]);

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await knex.schema
    .alterTable(TABLE, (table) => table.boolean('may_sign_in').notNullable().defaultTo(false))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable(TABLE, (table) => table.specificType('signed_in_at', instantType(knex)))
    .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const column of COLUMNS)
    await knex
      .raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, column])
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
