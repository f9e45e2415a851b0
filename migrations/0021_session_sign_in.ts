import type { Knex } from 'knex';
import { instantType } from '../src/database/create-table.ts';

const TABLE = 'T_user_sessions';

export const columns: [table: string, column: string][] = [
  [TABLE, 'signed_in_at'],
  [TABLE, 'amr'],
];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

/** Sessions that began before have no value until their next use: then they are written as a whole. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema
    .alterTable(TABLE, (table) => table.specificType('signed_in_at', instantType(knex)))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema.alterTable(TABLE, (table) => table.string('amr', 64)).catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const [, name] of columns.toReversed())
    await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, name]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
