import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { Service } from './service-config.ts';

/** A row of T_service_configs. */
export interface ServiceRow {
  id: string;
  created_at: Date | string;
  updated_at: Date | string | null;
  service_name: string;
  display_name: string;
  auth_type: Service['authType'];
  issuer: string | null;
  client_id: string | null;
  client_secret_sealed: string | null;
  /** JSON: a list of scopes. */
  scopes: string;
  auth_url: string | null;
  token_url: string | null;
  revoke_url: string | null;
  userinfo_url: string | null;
  /** JSON: a list of URLs. */
  api_base_urls: string;
  /** JSON: ServiceSettings. */
  settings: string;
  is_active: boolean | number;
}

const TABLE = 'T_service_configs';

const SELECT = selectOne({
  columns:
    'id, created_at, updated_at, service_name, display_name, auth_type, issuer, client_id, client_secret_sealed, scopes, auth_url, token_url, revoke_url, userinfo_url, api_base_urls, settings, is_active',
  from: TABLE,
  where: sql`service_name = ${'service_name'}`,
});

const sealedAt = (id: string) => ({ table: TABLE, column: 'client_secret_sealed', id });

/** Everything but the secret of the client. */
export const toService = (row: ServiceRow): Service => ({
  name: row.service_name,
  displayName: row.display_name,
  authType: row.auth_type,
  issuer: row.issuer ?? undefined,
  clientId: row.client_id ?? undefined,
  scopes: JSON.parse(row.scopes),
  authUrl: row.auth_url ?? undefined,
  tokenUrl: row.token_url ?? undefined,
  revokeUrl: row.revoke_url ?? undefined,
  userinfoUrl: row.userinfo_url ?? undefined,
  apiBaseUrls: JSON.parse(row.api_base_urls),
  settings: JSON.parse(row.settings),
  isActive: Boolean(row.is_active),
});

/** @throws Error when the secret of the client does not open */
export const openSecret = (row: ServiceRow, secrets: Pick<Secrets, 'open'>): string | undefined =>
  row.client_secret_sealed === null ? undefined : secrets.open(row.client_secret_sealed, sealedAt(row.id));

/** The columns of a service, but for its secret, which is sealed with the id of the row. */
export type ServiceColumns = Omit<ServiceRow, 'id' | 'created_at' | 'updated_at' | 'client_secret_sealed'>;

export const toColumns = (service: Service): ServiceColumns => ({
  service_name: service.name,
  display_name: service.displayName,
  auth_type: service.authType,
  issuer: service.issuer ?? null,
  client_id: service.clientId ?? null,
  scopes: JSON.stringify(service.scopes),
  auth_url: service.authUrl ?? null,
  token_url: service.tokenUrl ?? null,
  revoke_url: service.revokeUrl ?? null,
  userinfo_url: service.userinfoUrl ?? null,
  api_base_urls: JSON.stringify(service.apiBaseUrls),
  settings: JSON.stringify(service.settings),
  is_active: service.isActive,
});

/** Reads a service as requests do. Finds disabled ones too. */
export async function readService(driver: Driver, name: string): Promise<ServiceRow | undefined> {
  const row = await driver.readOne(SELECT, { service_name: name });
  return row && (row as unknown as ServiceRow);
}

/** @param nameOrId of an active or disabled service */
export const findServiceRow = (source: Knex, nameOrId: string): Promise<ServiceRow | undefined> =>
  source<ServiceRow>(TABLE).where({ service_name: nameOrId }).orWhere({ id: nameOrId }).first();

/** All, disabled ones too, by name. */
export const listServiceRows = (source: Knex): Promise<ServiceRow[]> =>
  source<ServiceRow>(TABLE).orderBy('service_name');

/** @param clientSecret undefined: the client has none */
export async function insertService(
  trx: Knex.Transaction,
  columns: ServiceColumns,
  clientSecret: string | undefined,
  secrets: Pick<Secrets, 'seal'>,
): Promise<void> {
  const id = uuidv7();
  const client_secret_sealed = clientSecret === undefined ? null : secrets.seal(clientSecret, sealedAt(id));
  await trx(TABLE).insert({ ...columns, client_secret_sealed, id, created_at: new Date() });
}

/**
 * Locks the row until the transaction ends, so that concurrent changes wait for each other.
 * @returns whether it exists
 */
export const lockService = async (trx: Knex.Transaction, nameOrId: string): Promise<boolean> =>
  (await trx(TABLE)
    .where({ service_name: nameOrId })
    .orWhere({ id: nameOrId })
    .update({ updated_at: new Date() })) > 0;

/** @param clientSecret undefined keeps the stored one */
export async function updateService(
  trx: Knex.Transaction,
  id: string,
  columns: Partial<ServiceColumns>,
  clientSecret: string | undefined,
  secrets: Pick<Secrets, 'seal'>,
): Promise<void> {
  const sealed = clientSecret && { client_secret_sealed: secrets.seal(clientSecret, sealedAt(id)) };
  await trx(TABLE)
    .where({ id })
    .update({ ...columns, ...sealed });
}

/** Seals a secret again, unless it was set since the row was read. @returns whether it was sealed */
export async function replaceSecret(
  source: Knex,
  { id, client_secret_sealed }: Pick<ServiceRow, 'id' | 'client_secret_sealed'>,
  clientSecret: string,
  secrets: Pick<Secrets, 'seal'>,
): Promise<boolean> {
  const sealed = secrets.seal(clientSecret, sealedAt(id));
  const changed = await source(TABLE)
    .where({ id, client_secret_sealed })
    .update({ client_secret_sealed: sealed });
  return changed === 1;
}
