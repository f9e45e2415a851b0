import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statements.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { Service } from './service-config.ts';

/** A row of T_service_configs. */
export interface ServiceRow {
  id: string;
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
    'id, service_name, display_name, auth_type, issuer, client_id, client_secret_sealed, scopes, auth_url, token_url, revoke_url, userinfo_url, api_base_urls, settings, is_active',
  from: TABLE,
  where: sql`service_name = ${'service_name'}`,
});

const sealedAt = (id: string) => ({ table: TABLE, column: 'client_secret_sealed', id });

/** @throws Error when the secret of the client does not open */
export const toService = (row: ServiceRow, secrets: Pick<Secrets, 'open'>): Service => ({
  name: row.service_name,
  displayName: row.display_name,
  authType: row.auth_type,
  issuer: row.issuer ?? undefined,
  clientId: row.client_id ?? undefined,
  clientSecret:
    row.client_secret_sealed === null ? undefined : secrets.open(row.client_secret_sealed, sealedAt(row.id)),
  scopes: JSON.parse(row.scopes),
  authUrl: row.auth_url ?? undefined,
  tokenUrl: row.token_url ?? undefined,
  revokeUrl: row.revoke_url ?? undefined,
  userinfoUrl: row.userinfo_url ?? undefined,
  apiBaseUrls: JSON.parse(row.api_base_urls),
  settings: JSON.parse(row.settings),
  isActive: Boolean(row.is_active),
});

/** Reads a service as requests do. Finds disabled ones too. */
export async function readService(driver: Driver, name: string): Promise<ServiceRow | undefined> {
  return (await driver.readOne(SELECT, { service_name: name })) as ServiceRow | undefined;
}

/** All, disabled ones too, by name. */
export const listServiceRows = (source: Knex): Promise<ServiceRow[]> =>
  source<ServiceRow>(TABLE).orderBy('service_name');
