import type { Knex } from 'knex';
import { deleteFrom, insertInto, selectOne, sql, update } from '../../database/statement-builders.ts';

/** Statements for applications that register themselves: their rows are written with the request. */

const CLIENTS = 'T_oauth_clients';
const SECRETS = 'T_oauth_client_secrets';

/** Columns that a description decides. */
const DESCRIBED = [
  'client_name',
  'client_type',
  'redirect_uris',
  'allowed_scopes',
  'require_pkce',
  'pkce',
  'is_first_party',
  'refresh_token_max_ttl',
  'refresh_overlap',
  'logo_uri',
  'metadata',
] as const;

/** Does nothing if the row exists: another request may have added the same metadata document. */
export const INSERT_CLIENT = insertInto(
  CLIENTS,
  [
    'id',
    'created_at',
    'client_id',
    'is_active',
    'created_by',
    'registered_via',
    'registration_token_id',
    'expires_at',
    ...DESCRIBED,
  ],
  { onConflict: 'nothing' },
);

export const CHANGE_CLIENT = update(CLIENTS, {
  set: [...DESCRIBED, 'updated_at'],
  where: sql`id = ${'id'}`,
});

export const DELETE_CLIENT = deleteFrom(CLIENTS, sql`client_id = ${'client_id'}`);

/** Finds disabled ones too. */
export const SELECT_REGISTERED = selectOne({
  columns: 'id, is_active, client_type, client_name, redirect_uris, metadata',
  from: CLIENTS,
  where: sql`client_id = ${'client_id'}`,
});

export const INSERT_SECRET = insertInto(SECRETS, [
  'id',
  'created_at',
  'client_id',
  'secret_hash',
  'secret_sealed',
  'description',
  'is_active',
]);

/** @param id of the client's row */
export const DISABLE_SECRETS = update(SECRETS, {
  set: sql`is_active = false, secret_sealed = NULL`,
  where: sql`client_id = ${'id'}`,
});

const HOUR_MS = 3_600_000;

/** Moves the end of registrations that were used, at most once an hour. Clients of an administrator have no end. */
export function extendRegistrations(knex: Knex, clientIds: string[], end: Date): Promise<number> {
  return knex(CLIENTS)
    .whereIn('client_id', clientIds)
    .where('expires_at', '<', new Date(end.getTime() - HOUR_MS))
    .update({ expires_at: end });
}

/** How many applications have registered themselves without a token, and were never used. */
export async function countUnusedRegistrations(knex: Knex): Promise<number> {
  const row = await knex(CLIENTS)
    .where('expires_at', '>', new Date())
    .where({ registered_via: 'dynamic', last_used_at: null })
    .count({ n: '*' })
    .first();
  return Number(row?.n);
}
