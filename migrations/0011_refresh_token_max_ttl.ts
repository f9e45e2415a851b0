import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

const TABLE = 'T_oauth_clients';
const COLUMN = 'refresh_token_max_ttl';

export const columns: [table: string, column: string][] = [[TABLE, COLUMN]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable(TABLE, (table) => table.integer(COLUMN)).catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  if (await hasTable(knex, TABLE))
    await knex.raw(`ALTER TABLE ${TABLE} DROP COLUMN ${COLUMN}`).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
