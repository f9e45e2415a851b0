import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_oauth_clients', 'T_oauth_client_secrets'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_oauth_clients', ({ table, instant, text, unique }) => {
    table.string('client_id', 255).notNullable();
    table.string('client_name', 255).notNullable();
    table.string('client_type', 16).notNullable();
    text('redirect_uris').notNullable();
    text('allowed_scopes').notNullable();
    table.boolean('require_pkce').notNullable();
    table.boolean('is_first_party').notNullable();
    table.boolean('is_active').notNullable();
    table.string('created_by', 36);
    table.string('registered_via', 32).notNullable();
    text('metadata').notNullable();
    instant('last_used_at');
    instant('expires_at');
    instant('updated_at');
    unique('client_id');
  });

  await createTable(knex, 'T_oauth_client_secrets', ({ table, instant, reference, text, index }) => {
    reference('client_id', 'T_oauth_clients').notNullable();
    table.string('secret_hash', 43).notNullable();
    text('secret_sealed');
    table.string('description', 255);
    table.boolean('is_active').notNullable();
    instant('last_used_at');
    instant('expires_at');
    index('client_id');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
