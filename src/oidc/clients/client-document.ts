import { CIBA } from '../../access/grant-type-names.ts';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { toDate, toEpoch } from '../../database/instants.ts';
import { randomToken } from '../../kit/ids.ts';
import { secretStorageOf } from './auth-methods.ts';
import { authMethodOf } from './client-metadata.ts';
import type { PkceLevel } from './input.ts';
import { type IdTokenClaims, toMessageMembers } from './message-metadata.ts';
import { toPolicyMembers } from './policy-metadata.ts';
import { isLoopbackWithoutPort, isPrivateUse } from './redirect-uris.ts';
import { usableTypes } from './response-types.ts';
import type { ClientMetadata, ClientRow } from './store.ts';

/** A client with the members of RFC 7591 section 3.2.1, and ours. */
export type ClientDocument = Record<string, unknown> & {
  client_id: string;
  client_secret?: string;
  /** Sentences about what was just registered or changed, and may not be what was meant. */
  warnings?: string[];
};

/** Our own members of the document that the engine keeps on its client. */
export const OWN_METADATA = [
  'allowed_scopes',
  'default_scope',
  'cors_origins',
  'is_native',
  'any_port',
  'is_resource_server',
  'pkce',
  'fapi',
  'access_token_ttl',
  'is_first_party',
  'display_code',
  'refresh_token_max_ttl',
  'refresh_overlap',
  'claims',
  'id_token_claims',
  'exchange_resources',
  'assertion_audiences',
  'hand_out_services',
  'allowed_details_types',
  'registered_via',
];

/** Members of OpenID Connect that the engine does not know. */
export const OWN_STANDARD_METADATA = ['request_uris'];

/** The engine's client, as far as we use it. */
export interface EngineClient {
  clientId: string;
  clientName?: string;
  clientSecret?: string;
  clientAuthMethod: string;
  redirectUris: string[];
  allowed_scopes: string;
  /** The scope of a request that names none; undefined: `openid`, if it may have it. */
  default_scope?: string;
  pkce: PkceLevel;
  /** Whether it follows the FAPI 2.0 Security Profile. */
  fapi?: boolean;
  /** The lifetime of its access tokens in seconds; undefined: the server's setting. */
  access_token_ttl?: number;
  is_first_party: boolean;
  /** Origins that may call the endpoints from a browser, beside those of its redirect URIs. */
  cors_origins: string[];
  is_native: boolean;
  /** Whether a loopback address may have another port than the registered one. */
  any_port: boolean;
  /** Whether it may introspect tokens of other clients that have a scope it serves. */
  is_resource_server: boolean;
  display_code: boolean;
  /** Seconds; undefined: the server's own setting. */
  refresh_token_max_ttl?: number;
  /** How many seconds a used refresh token still works; undefined: the server's setting. */
  refresh_overlap?: number;
  /** Mappings (`access/claim-mappings.ts`). */
  claims?: string[];
  id_token_claims?: IdTokenClaims;
  /** Identifiers of the resources for which it may exchange tokens (RFC 8693). */
  exchange_resources: string[];
  /** Servers for which it may get identity assertions (ID-JAG): `ISSUER` or `ISSUER CLIENT_ID`. */
  assertion_audiences: string[];
  /** Services whose access tokens it is given (RFC 8693). */
  hand_out_services: string[];
  /** Types of authorization details (RFC 9396) that it may use; undefined: each that a user allows. */
  allowed_details_types?: string[];
  /** Undefined for the client of our own pages. */
  registered_via?: RegisteredVia;
  /** Where its request objects may be read. */
  request_uris?: string[];
  requirePushedAuthorizationRequests?: boolean;
  grantTypeAllowed(type: string): boolean;
}

/** Whether a client_id is the URL of a document that describes the application (Client ID Metadata Documents). */
export const isDocumentUrl = (clientId: string): boolean => /^https:\/\//i.test(clientId);

const toText = (instant: ClientRow['expires_at']) => (instant ? toDate(instant).toISOString() : undefined);

/** The redirect URI of clients that have none: our own page, which shows the code to be copied. */
const codePage = (issuer: string) => `${issuer}/code`;

/** Programs on a device use a scheme of their own, or a loopback address whose port they choose when they run. */
const typeOf = ({ client_type }: ClientRow, redirectUris: string[]) =>
  redirectUris.some(isPrivateUse) || (client_type === 'public' && redirectUris.some(isLoopbackWithoutPort))
    ? 'native'
    : 'web';

/** How a client of CIBA learns that its request was answered (CIBA Core section 4). Other clients have no such members. */
function cibaMembers({
  grant_types,
  backchannel_client_notification_endpoint: endpoint,
}: ClientMetadata): Record<string, unknown> {
  if (!grant_types.includes(CIBA)) return {};
  return {
    backchannel_token_delivery_mode: endpoint === undefined ? 'poll' : 'ping',
    backchannel_client_notification_endpoint: endpoint,
  };
}

/** The document that pages, API and command line show. */
export function toDocument(row: ClientRow, issuer: string): ClientDocument {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  const redirectUris: string[] = JSON.parse(row.redirect_uris);
  return {
    client_id: row.client_id,
    client_id_issued_at: toEpoch(toDate(row.created_at)),
    client_name: row.client_name,
    client_uri: metadata.client_uri,
    initiate_login_uri: metadata.initiate_login_uri,
    policy_uri: metadata.policy_uri,
    tos_uri: metadata.tos_uri,
    logo_uri: row.logo_uri ?? undefined,
    redirect_uris: metadata.display_code ? [codePage(issuer)] : redirectUris,
    cors_origins: metadata.cors_origins ?? [],
    post_logout_redirect_uris: metadata.post_logout_redirect_uris,
    grant_types: metadata.grant_types,
    response_types: usableTypes(metadata, { implicitGrant: true }).response_types,
    token_endpoint_auth_method: authMethodOf(row),
    token_endpoint_auth_signing_alg: metadata.token_endpoint_auth_signing_alg,
    jwks: metadata.jwks,
    jwks_uri: metadata.jwks_uri,
    ...metadata.certificate_subject,
    contacts: metadata.contacts,
    application_type: metadata.application_type ?? typeOf(row, redirectUris),
    id_token_signed_response_alg: metadata.id_token_signed_response_alg,
    ...toMessageMembers(metadata),
    ...toPolicyMembers(metadata),
    scope: JSON.parse(row.allowed_scopes).join(' '),
    default_scope: metadata.default_scope,
    // An earlier version may have registered a public application after the column was added.
    pkce: row.client_type === 'public' ? 'always' : row.pkce,
    require_pkce: row.pkce !== 'off',
    claims: metadata.claims ?? [],
    require_pushed_authorization_requests: metadata.require_pushed_authorization_requests ?? false,
    dpop_bound_access_tokens: metadata.dpop_bound_access_tokens ?? false,
    tls_client_certificate_bound_access_tokens: metadata.tls_client_certificate_bound_access_tokens ?? false,
    backchannel_logout_uri: metadata.backchannel_logout_uri,
    // Without the session, an application would have to sign its user out in every browser.
    backchannel_logout_session_required:
      metadata.backchannel_logout_uri === undefined
        ? undefined
        : (metadata.backchannel_logout_session_required ?? true),
    exchange_resources: metadata.exchange_resources ?? [],
    assertion_audiences: metadata.assertion_audiences ?? [],
    fapi: metadata.fapi ?? false,
    ...cibaMembers(metadata),
    is_first_party: Boolean(row.is_first_party),
    display_code: metadata.display_code,
    is_resource_server: metadata.resource_server ?? false,
    refresh_token_max_ttl: row.refresh_token_max_ttl ?? undefined,
    refresh_overlap: row.refresh_overlap ?? undefined,
    is_active: Boolean(row.is_active),
    registered_via: row.registered_via,
    registration_token_id: row.registration_token_id ?? undefined,
    last_used_at: toText(row.last_used_at),
    expires_at: toText(row.expires_at),
  };
}

/** The secrets of a client in use, the newest first. Those of `client_secret_jwt` were opened. */
export interface UsedSecrets {
  hashes: string[];
  opened: string[];
}

/** The members by which the engine knows the secrets of a client. */
function toEngineSecrets(
  method: string,
  { hashes, opened }: UsedSecrets,
): Record<string, string | undefined> {
  switch (secretStorageOf(method)) {
    case 'none':
      return {};
    case 'sealed':
      // The key of an HMAC. Without a secret in use, nobody may know it.
      return { client_secret: opened[0] ?? randomToken(), earlier_secret: opened[1] };
    case 'digest':
      // Digests take the place of the secrets (see compareSecretsByDigest). Without any in use, this one matches none.
      return { client_secret: hashes.join(' ') || 'none' };
  }
}

/**
 * The document that the engine validates. Scopes and types of authorization details have names of ours: the engine would
 * refuse those that it does not know. `earlier_secret` is for `completeClientKeys` alone: the engine ignores it.
 */
export function toEngineDocument(
  row: ClientRow,
  secrets: UsedSecrets,
  server: { issuer: string; implicitGrant: boolean },
): Record<string, unknown> {
  // The engine accepts no `data:` URL as a logo, and shows none.
  const { scope, is_active, client_id_issued_at, require_pkce, logo_uri, ...rest } = toDocument(
    row,
    server.issuer,
  );
  const { registration_token_id, last_used_at, expires_at, authorization_details_types, ...document } = rest;
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  const uris: string[] = [...JSON.parse(row.redirect_uris), ...metadata.post_logout_redirect_uris];
  return {
    ...document,
    // The engine would not load an application with a type that the server no longer has.
    ...usableTypes(metadata, server),
    allowed_scopes: scope,
    allowed_details_types: authorization_details_types,
    is_native: document.application_type === 'native',
    any_port: row.client_type === 'public' && metadata.application_type !== 'web',
    // By this type, the engine only decides which URIs are valid. The rest is in prompts.ts and redirect-uris.ts.
    application_type: uris.some(isPrivateUse) ? 'native' : 'web',
    ...toEngineSecrets(authMethodOf(row), secrets),
  };
}
