import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statements.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import type { PkceLevel } from './input.ts';

/** A row of T_oauth_clients, as far as this room reads it. */
export interface ClientRow {
  id: string;
  created_at: Date | string;
  client_id: string;
  client_name: string;
  client_type: 'public' | 'confidential';
  /** JSON: an array of URIs. */
  redirect_uris: string;
  /** JSON: an array of scopes. */
  allowed_scopes: string;
  require_pkce: boolean | number;
  pkce: PkceLevel;
  is_first_party: boolean | number;
  is_active: boolean | number;
  /** Seconds; null: the server's own setting. */
  refresh_token_max_ttl: number | null;
  refresh_overlap: number | null;
  /** A `data:` URL. Not read with the other columns of a request's client. */
  logo_uri?: string | null;
  /** JSON: Refusal. */
  last_refused?: string | null;
  /** JSON: ClientMetadata. */
  metadata: string;
}

/** A refused request of a client: what the client was sent, and which of its parameters was at fault. */
export interface Refusal {
  /** ISO 8601. */
  at: string;
  /** The action of the audit event, such as `authorization.refused`. */
  action: string;
  error?: string;
  description?: string;
  parameter?: string;
}

/** Pages of the application, to which our pages link. */
export interface ClientLinks {
  client_uri?: string | undefined;
  initiate_login_uri?: string | undefined;
  policy_uri?: string | undefined;
  tos_uri?: string | undefined;
}

/** What is stored of a client without a column of its own. */
export interface ClientMetadata extends ClientLinks {
  grant_types: string[];
  post_logout_redirect_uris: string[];
  id_token_signed_response_alg: string;
  display_code: boolean;
  cors_origins?: string[];
  resource_server?: boolean;
  /** Undefined: what its redirect URIs suggest. */
  application_type?: 'web' | 'native' | undefined;
  /** The scope of a request that names none. */
  default_scope?: string | undefined;
  /** Mappings (`access/claim-mappings.ts`). */
  claims?: string[];
  require_pushed_authorization_requests?: boolean | undefined;
  dpop_bound_access_tokens?: boolean | undefined;
  /** Where logout tokens are sent (OpenID Connect Back-Channel Logout 1.0). */
  backchannel_logout_uri?: string | undefined;
  backchannel_logout_session_required?: boolean | undefined;
}

export type NewClientRow = Omit<ClientRow, 'id' | 'created_at' | 'client_id'> & {
  created_by: string | null;
  registered_via: 'admin';
};

const CLIENTS = 'T_oauth_clients';
const SECRETS = 'T_oauth_client_secrets';

/** All that is read of many clients, or often: not the logo, which is large. */
const COLUMNS = [
  'id',
  'created_at',
  'client_id',
  'client_name',
  'client_type',
  'redirect_uris',
  'allowed_scopes',
  'require_pkce',
  'pkce',
  'is_first_party',
  'is_active',
  'refresh_token_max_ttl',
  'refresh_overlap',
  'metadata',
] as const;

const SELECT_CLIENT = selectOne({
  columns: COLUMNS.join(', '),
  from: CLIENTS,
  where: sql`client_id = ${'client_id'} AND is_active = true`,
});

/** The two newest secrets of a client in one row. */
const SELECT_SECRETS = selectOne({
  columns: 'a.secret_hash AS first, b.secret_hash AS second',
  from: `${SECRETS} a
    LEFT JOIN ${SECRETS} b ON b.client_id = a.client_id AND b.id < a.id AND b.is_active = true`,
  where: sql`a.client_id = ${'id'} AND a.is_active = true`,
  orderBy: 'a.id DESC, b.id DESC',
});

/** An active client for a request of the engine, with the digests of its secrets, the newest first. */
export async function findActiveClient(
  driver: Driver,
  clientId: string,
): Promise<{ row: ClientRow; secretHashes: string[] } | undefined> {
  const row = (await driver.readOne(SELECT_CLIENT, { client_id: clientId })) as ClientRow | undefined;
  if (!row) return undefined;
  const secrets =
    row.client_type === 'public' ? undefined : await driver.readOne(SELECT_SECRETS, { id: row.id });
  const secretHashes = [secrets?.first, secrets?.second].filter((hash) => typeof hash === 'string');
  return { row, secretHashes };
}

export function findClient(source: Knex, clientId: string): Promise<ClientRow | undefined> {
  return source<ClientRow>(CLIENTS).where({ client_id: clientId }).first();
}

/** Every client, disabled ones too, the oldest first. Without their logos. */
export async function listClients(source: Knex): Promise<ClientRow[]> {
  return source(CLIENTS)
    .orderBy('id')
    .select(...COLUMNS);
}

/** The logo of a client as a `data:` URL; null if it has none. */
export async function findLogo(source: Knex, clientId: string): Promise<string | null> {
  return (await source(CLIENTS).where({ client_id: clientId }).first('logo_uri'))?.logo_uri ?? null;
}

/** The scopes of every active client. */
export async function listAllowedScopes(source: Knex): Promise<string[][]> {
  const rows: string[] = await source(CLIENTS)
    .where({ is_active: true })
    .orderBy('id')
    .pluck('allowed_scopes');
  return rows.map((scopes) => JSON.parse(scopes));
}

/** The scopes that active resource servers serve; wildcards allowed. */
export async function listServedScopes(source: Knex): Promise<string[]> {
  const rows = await source<ClientRow>(CLIENTS)
    .where({ is_active: true })
    .where('metadata', 'like', '%"resource_server":true%')
    .select('allowed_scopes');
  return rows.flatMap(({ allowed_scopes }) => JSON.parse(allowed_scopes));
}

/** @param clientId that an operator chose; by default the id of the row */
export async function insertClient(
  trx: Knex.Transaction,
  client: NewClientRow,
  clientId?: string,
): Promise<ClientRow> {
  const id = uuidv7();
  const row = { ...client, id, created_at: new Date(), client_id: clientId ?? id };
  await trx(CLIENTS).insert(row);
  return row;
}

/** Writes those columns, and locks the row until the transaction ends. */
export async function updateClient(
  trx: Knex.Transaction,
  clientId: string,
  columns: Partial<ClientRow>,
): Promise<void> {
  await trx(CLIENTS)
    .where({ client_id: clientId })
    .update({ ...columns, updated_at: new Date() });
}

/** @param id of the client's row @returns the secret, of which only the digest is stored */
export async function addSecret(trx: Knex.Transaction, id: string, description: string): Promise<string> {
  const secret = randomToken();
  await trx(SECRETS).insert({
    id: uuidv7(),
    created_at: new Date(),
    client_id: id,
    secret_hash: digest(secret),
    description,
    is_active: true,
  });
  return secret;
}

/** @param id of the client's row */
export async function disableSecrets(trx: Knex.Transaction, id: string): Promise<void> {
  await trx(SECRETS).where({ client_id: id }).update({ is_active: false });
}

/** Disables every secret but the newest. @param id of the client's row */
export async function disableOlderSecrets(trx: Knex.Transaction, id: string): Promise<void> {
  const active = await trx(SECRETS)
    .where({ client_id: id, is_active: true })
    .orderBy('id', 'desc')
    .pluck('id');
  await trx(SECRETS).whereIn('id', active.slice(1)).update({ is_active: false });
}

/**
 * Writes when clients were last used.
 * @param staleBefore clients whose stored time is later are left alone
 * @returns how many rows were written
 */
export function markUsed(knex: Knex, clientIds: string[], now: Date, staleBefore: Date): Promise<number> {
  return knex(CLIENTS)
    .whereIn('client_id', clientIds)
    .where((row) => row.whereNull('last_used_at').orWhere('last_used_at', '<', staleBefore))
    .update({ last_used_at: now });
}
