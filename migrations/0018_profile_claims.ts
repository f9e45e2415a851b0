import type { Knex } from 'knex';

const TABLE = 'T_accounts';
const LENGTHS = { given_name: 255, family_name: 255, locale: 35 };

export const columns: [table: string, column: string][] = Object.keys(LENGTHS).map((name) => [TABLE, name]);

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  for (const [name, length] of Object.entries(LENGTHS))
    await knex.schema
      .alterTable(TABLE, (table) => table.string(name, length))
      .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  for (const name of Object.keys(LENGTHS))
    await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, name]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
