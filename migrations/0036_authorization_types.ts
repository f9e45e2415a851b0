import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

const TABLE = 'T_resource_servers';
const COLUMN = 'authorization_types';

export const columns: [table: string, column: string][] = [[TABLE, COLUMN]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await knex.schema
    .alterTable(TABLE, (table) => table.text(COLUMN, 'mediumtext'))
    .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  if (!(await hasTable(knex, TABLE))) return;
  await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, COLUMN]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
