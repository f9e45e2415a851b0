import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const;
export const SIGNING_ALGS = ['RS256', 'ES256', 'EdDSA'] as const;

/** A row of T_resource_servers. */
export interface ResourceRow {
  id: string;
  created_at: Date | string;
  /** An absolute URI: what applications send as `resource`, and the `aud` of tokens. */
  identifier: string;
  name: string;
  /** JSON: an array of scopes. */
  scopes: string;
  token_format: (typeof TOKEN_FORMATS)[number];
  signing_alg: (typeof SIGNING_ALGS)[number];
  /** Seconds. Null: LATCHKEY_ACCESS_TOKEN_TTL, and for a JWT at most 600 (`resource-indicators.ts`). */
  access_token_ttl: number | null;
  /** The client that may introspect the tokens of the resource. */
  client_id: string | null;
  /** Whether we publish its metadata (RFC 9728). Null in rows of earlier versions: no. */
  hosts_metadata: boolean | number | null;
  /** JSON: what the consent page says, by type of authorization details (RFC 9396). Null: it has none. */
  authorization_types: string | null;
  is_active: boolean | number;
}

/** A resource as requests use it. */
export interface Resource {
  identifier: string;
  name: string;
  scopes: string[];
  format: ResourceRow['token_format'];
  alg: ResourceRow['signing_alg'];
  ttl: number | undefined;
  clientId: string | undefined;
  /** What the consent page says, by type of authorization details (RFC 9396). */
  authorizationTypes: Record<string, string>;
}

const TABLE = 'T_resource_servers';

const COLUMNS =
  'identifier, name, scopes, token_format, signing_alg, access_token_ttl, client_id, authorization_types';

const SELECT_ACTIVE = selectOne({
  columns: COLUMNS,
  from: TABLE,
  where: sql`identifier = ${'identifier'} AND is_active = true`,
});

const SELECT_HOSTED = selectOne({
  columns: COLUMNS,
  from: TABLE,
  where: sql`id = ${'id'} AND is_active = true AND hosts_metadata = true`,
});

/** @returns what the consent page says, by type of authorization details */
export const parseTypes = ({
  authorization_types,
}: Pick<ResourceRow, 'authorization_types'>): Record<string, string> =>
  authorization_types === null ? {} : JSON.parse(authorization_types);

const toResource = (row: ResourceRow): Resource => ({
  identifier: row.identifier,
  name: row.name,
  scopes: JSON.parse(row.scopes),
  format: row.token_format,
  alg: row.signing_alg,
  ttl: row.access_token_ttl ?? undefined,
  clientId: row.client_id ?? undefined,
  authorizationTypes: parseTypes(row),
});

/** @returns undefined for one that is unknown or disabled */
export async function findActiveResource(driver: Driver, identifier: string): Promise<Resource | undefined> {
  const row = await driver.readOne(SELECT_ACTIVE, { identifier });
  return row && toResource(row as unknown as ResourceRow);
}

/** An active resource whose metadata we publish. */
export async function findHostedResource(driver: Driver, id: string): Promise<Resource | undefined> {
  const row = await driver.readOne(SELECT_HOSTED, { id });
  return row && toResource(row as unknown as ResourceRow);
}

/** The identifiers of the active resources whose metadata we publish. */
export const listHostedIdentifiers = (source: Knex): Promise<string[]> =>
  source(TABLE).where({ is_active: true, hosts_metadata: true }).orderBy('id').pluck('identifier');

/** Every type of authorization details that an active resource has. */
export async function listAuthorizationTypes(source: Knex): Promise<string[]> {
  const rows: ResourceRow[] = await source(TABLE)
    .where({ is_active: true })
    .whereNotNull('authorization_types')
    .orderBy('id')
    .select('authorization_types');
  return [...new Set(rows.flatMap((row) => Object.keys(parseTypes(row))))];
}

/** Finds disabled ones too. */
export const findResourceRow = (source: Knex, identifier: string): Promise<ResourceRow | undefined> =>
  source<ResourceRow>(TABLE).where({ identifier }).first();

/** All, disabled ones too, the oldest first. */
export const listResourceRows = (source: Knex): Promise<ResourceRow[]> =>
  source<ResourceRow>(TABLE).orderBy('id');

export async function insertResource(
  trx: Knex.Transaction,
  columns: Omit<ResourceRow, 'id' | 'created_at'>,
): Promise<void> {
  await trx(TABLE).insert({ ...columns, id: uuidv7(), created_at: new Date() });
}

export async function updateResource(
  trx: Knex.Transaction,
  identifier: string,
  columns: Partial<ResourceRow>,
): Promise<void> {
  await trx(TABLE)
    .where({ identifier })
    .update({ ...columns, updated_at: new Date() });
}
