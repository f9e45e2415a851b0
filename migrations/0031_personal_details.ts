import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

const TABLE = 'T_accounts';
/** Texts by their greatest length. */
const TEXTS = {
  middle_name: 255,
  nickname: 255,
  profile: 1000,
  website: 1000,
  gender: 100,
  birthdate: 10,
  phone_number: 50,
  street_address: 255,
  locality: 255,
  region: 255,
  postal_code: 50,
  country: 255,
};
const VERIFIED = 'phone_number_verified';
const NAMES = [...Object.keys(TEXTS), VERIFIED];

export const columns: [table: string, column: string][] = NAMES.map((name) => [TABLE, name]);

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  for (const [name, length] of Object.entries(TEXTS))
    await knex.schema
      .alterTable(TABLE, (table) => table.string(name, length))
      .catch(unless('ER_DUP_FIELDNAME'));
  await knex.schema
    .alterTable(TABLE, (table) => table.boolean(VERIFIED).notNullable().defaultTo(false))
    .catch(unless('ER_DUP_FIELDNAME'));
}

export async function down(knex: Knex): Promise<void> {
  if (!(await hasTable(knex, TABLE))) return;
  for (const name of NAMES)
    await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [TABLE, name]).catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}
