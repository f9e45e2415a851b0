import type { Knex } from 'knex';

const TABLE = 'T_oauth_clients';
const COLUMN = 'pkce';

export const columns: [table: string, column: string][] = [[TABLE, COLUMN]];

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

/** The default serves servers of the version before this one, which add rows without this column. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema
    .alterTable(TABLE, (table) => table.string(COLUMN, 16).notNullable().defaultTo('or-nonce'))
    .catch(unless('ER_DUP_FIELDNAME'));
  await knex(TABLE).where({ require_pkce: false }).update({ pkce: 'off' });
  await knex(TABLE).where({ client_type: 'public' }).update({ pkce: 'always' });
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, COLUMN]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
