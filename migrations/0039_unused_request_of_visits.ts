import type { Knex } from 'knex';

const TABLE = 'T_upstream_states';
const COLUMN = 'authorization_request_id';

/** MySQL commits each step, so after an interrupted run it may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

/** Nothing ever wrote the column: where a person goes next is in `payload_sealed`. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, COLUMN]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable(TABLE, (table) => table.string(COLUMN, 36)).catch(unless('ER_DUP_FIELDNAME'));
}
