import type { Knex } from 'knex';
import { hasTable } from '../src/database/create-table.ts';

/**
 * Codes and tokens of a grant are found through the index on account_id. An index on grant_id cost a write to a random
 * page for every token.
 */
const TABLES = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

const nameOf = (table: string) => `I_${table.slice(2)}_grant_id`;

/** MySQL commits each step, so after an interrupted run a step may already be done. */
const unless = (code: string) => (error: { code?: string }) => {
  if (error.code !== code) throw error;
};

export async function up(knex: Knex): Promise<void> {
  for (const name of TABLES)
    await knex.schema
      .alterTable(name, (table) => table.dropIndex('grant_id', nameOf(name)))
      .catch(unless('ER_CANT_DROP_FIELD_OR_KEY'));
}

export async function down(knex: Knex): Promise<void> {
  for (const name of TABLES)
    if (await hasTable(knex, name))
      await knex.schema
        .alterTable(name, (table) => table.index('grant_id', nameOf(name)))
        .catch(unless('ER_DUP_KEYNAME'));
}
