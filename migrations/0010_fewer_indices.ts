import type { Knex } from 'knex';

/**
 * What hangs on a grant is found among what its account has: an index of its own made each token a write to one more
 * page somewhere in the middle of a tree.
 */
const TABLES = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

const nameOf = (table: string) => `I_${table.slice(2)}_grant_id`;

/** MySQL keeps each step of a migration that died: what is done there already is no fault. */
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
    if (await knex.schema.hasTable(name))
      await knex.schema
        .alterTable(name, (table) => table.index('grant_id', nameOf(name)))
        .catch(unless('ER_DUP_KEYNAME'));
}
