import type { Knex } from 'knex';
import { type RegisteredVia, VETTED_WAYS } from '../../access/registered-via.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { toDate } from '../../database/instants.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { type AssertionAlg, type AuthMethod, DEFAULT_AUTH_METHOD, secretStorageOf } from './auth-methods.ts';
import type { PkceLevel } from './input.ts';
import type { ClientKeySet } from './key-sets.ts';
import type { MessageMetadata } from './message-metadata.ts';
import type { PolicyMetadata } from './policy-metadata.ts';
import { type ClientSecret, findSecrets } from './secret-store.ts';

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
  registered_via: RegisteredVia;
  registration_token_id?: string | null;
  last_used_at?: Date | string | null;
  /** When its registration ends unless it is used; null: never. */
  expires_at?: Date | string | null;
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
export interface ClientMetadata extends ClientLinks, MessageMetadata, PolicyMetadata {
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
  /** Undefined: `client_secret_basic`. Of a public application, it has no meaning. */
  token_endpoint_auth_method?: AuthMethod | undefined;
  /** The only algorithm of its client assertions; undefined: any that its keys can have. */
  token_endpoint_auth_signing_alg?: AssertionAlg | undefined;
  /** What the certificate of a client of `tls_client_auth` must have: one of the members of RFC 8705 section 2.1.2. */
  certificate_subject?: Record<string, string> | undefined;
  tls_client_certificate_bound_access_tokens?: boolean | undefined;
  /** Whether the client follows the FAPI 2.0 Security Profile (fapi.ts). */
  fapi?: boolean | undefined;
  contacts?: string[] | undefined;
  /** The public keys of the application. */
  jwks?: ClientKeySet | undefined;
  /** Where they are published, instead. */
  jwks_uri?: string | undefined;
  /** Where a client of CIBA is called once its request was answered; undefined: it polls. */
  backchannel_client_notification_endpoint?: string | undefined;
  /** Servers for which it may get identity assertions (ID-JAG): `ISSUER` or `ISSUER CLIENT_ID`. */
  assertion_audiences?: string[];
  /** Identifiers of the resources for which it may exchange tokens (RFC 8693). */
  exchange_resources?: string[];
}

export type NewClientRow = Omit<ClientRow, 'id' | 'created_at' | 'client_id'> & {
  created_by: string | null;
  registered_via: 'admin';
};

const CLIENTS = 'T_oauth_clients';

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
  'registered_via',
  'registration_token_id',
  'last_used_at',
  'expires_at',
  'metadata',
] as const;

const SELECT_CLIENT = selectOne({
  columns: COLUMNS.join(', '),
  from: CLIENTS,
  where: sql`client_id = ${'client_id'} AND is_active = true`,
});

const isOver = (end: ClientRow['expires_at']) => Boolean(end && toDate(end).getTime() <= Date.now());

/** An active client for a request of the engine, with its secrets in use, the newest first. */
export async function findActiveClient(
  driver: Driver,
  clientId: string,
): Promise<{ row: ClientRow; secrets: ClientSecret[] } | undefined> {
  const row = (await driver.readOne(SELECT_CLIENT, { client_id: clientId })) as ClientRow | undefined;
  if (!row || isOver(row.expires_at)) return undefined;
  const { token_endpoint_auth_method: method = DEFAULT_AUTH_METHOD }: ClientMetadata = JSON.parse(
    row.metadata,
  );
  const hasSecret = row.client_type === 'confidential' && secretStorageOf(method) !== 'none';
  return { row, secrets: hasSecret ? await findSecrets(driver, row.id) : [] };
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

/** The active clients that an operator has registered, or has given a token to register themselves; anyone can register others. */
export async function listVettedClients(source: Knex): Promise<ClientRow[]> {
  return source(CLIENTS)
    .where({ is_active: true })
    .whereIn('registered_via', VETTED_WAYS)
    .orderBy('id')
    .select(...COLUMNS);
}

/** The logo of a client as a `data:` URL; null if it has none. */
export async function findLogo(source: Knex, clientId: string): Promise<string | null> {
  return (await source(CLIENTS).where({ client_id: clientId }).first('logo_uri'))?.logo_uri ?? null;
}

/** The clients that have a logo. */
export function listClientsWithLogo(source: Knex): Promise<string[]> {
  return source(CLIENTS).whereNotNull('logo_uri').pluck('client_id');
}

/** The scopes of every active client, without those of applications that nobody has looked at. */
export async function listAllowedScopes(source: Knex): Promise<string[][]> {
  const rows: string[] = await source(CLIENTS)
    .where({ is_active: true })
    .whereIn('registered_via', VETTED_WAYS)
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

/** @param clientId one that an operator chose; by default the id of the row */
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
