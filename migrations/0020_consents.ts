import type { Knex } from 'knex';
import { createTable, dropTables } from '../src/database/create-table.ts';

export const tables = ['T_consents'];

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'T_consents', ({ table, instant, reference, text, unique }) => {
    reference('account_id', 'T_accounts').notNullable();
    table
      .foreign('client_id', 'FK_consents_client_id')
      .references('client_id')
      .inTable('T_oauth_clients')
      .onDelete('CASCADE');
    table.string('client_id', 255).notNullable();
    text('scope').notNullable();
    text('claims').notNullable();
    instant('updated_at');
    instant('last_used_at').notNullable();
    unique('account_id', 'client_id');
  });
}

export async function down(knex: Knex): Promise<void> {
  await dropTables(knex, tables);
}
