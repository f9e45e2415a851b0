import type { Knex } from 'knex';

const TABLE = 'T_resource_servers';

export const columns: [table: string, column: string][] = [[TABLE, 'hosts_metadata']];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  await knex.schema
    .alterTable(TABLE, (table) => table.boolean('hosts_metadata'))
    .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  await knex
    .raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, 'hosts_metadata'])
    .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
