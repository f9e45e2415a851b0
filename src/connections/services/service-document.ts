import { toDate } from '../../database/instants.ts';
import { redirectUriOf, type Service } from './service-config.ts';
import type { ServiceRow } from './store.ts';

/** A service as commands and pages show it, without its secret. The names are those of `--metadata`. */
export interface ServiceDocument {
  id: string;
  name: string;
  display_name: string;
  auth_type: Service['authType'];
  is_active: boolean;
  issuer: string | undefined;
  client_id: string | undefined;
  has_client_secret: boolean;
  scopes: string[];
  authorization_endpoint: string | undefined;
  token_endpoint: string | undefined;
  revocation_endpoint: string | undefined;
  userinfo_endpoint: string | undefined;
  api_base_urls: string[];
  settings: Service['settings'];
  /** What is registered at the service; undefined for one with API keys. */
  redirect_uri: string | undefined;
  created_at: string;
  updated_at: string | undefined;
}

export const toDocument = (row: ServiceRow, issuer: string): ServiceDocument => ({
  id: row.id,
  name: row.service_name,
  display_name: row.display_name,
  auth_type: row.auth_type,
  is_active: Boolean(row.is_active),
  issuer: row.issuer ?? undefined,
  client_id: row.client_id ?? undefined,
  has_client_secret: row.client_secret_sealed !== null,
  scopes: JSON.parse(row.scopes),
  authorization_endpoint: row.auth_url ?? undefined,
  token_endpoint: row.token_url ?? undefined,
  revocation_endpoint: row.revoke_url ?? undefined,
  userinfo_endpoint: row.userinfo_url ?? undefined,
  api_base_urls: JSON.parse(row.api_base_urls),
  settings: JSON.parse(row.settings),
  redirect_uri: row.auth_type === 'oauth2' ? redirectUriOf(issuer, row.service_name) : undefined,
  created_at: toDate(row.created_at).toISOString(),
  updated_at: row.updated_at === null ? undefined : toDate(row.updated_at).toISOString(),
});
