import type { z } from 'zod';
import { type AuthMethod, DEFAULT_AUTH_METHOD } from './auth-methods.ts';
import { fillFapi } from './fapi.ts';
import type { ClientChange, clientChange, clientInput, PkceLevel } from './input.ts';
import { toMessageMetadata } from './message-metadata.ts';
import { toPolicyMetadata } from './policy-metadata.ts';
import type { ClientLinks, ClientMetadata, ClientRow } from './store.ts';

type LinkInput = Pick<ClientChange, 'clientUri' | 'initiateLoginUri' | 'policyUri' | 'tosUri'>;

/** @param earlier what stays where the input names no address */
const toLinks = (input: LinkInput, earlier: ClientLinks = {}): ClientLinks => ({
  client_uri: input.clientUri ?? earlier.client_uri,
  initiate_login_uri: input.initiateLoginUri ?? earlier.initiate_login_uri,
  policy_uri: input.policyUri ?? earlier.policy_uri,
  tos_uri: input.tosUri ?? earlier.tos_uri,
});

/** How an application proves who it is, as its `token_endpoint_auth_method`. */
export function authMethodOf({
  client_type,
  metadata,
}: Pick<ClientRow, 'client_type' | 'metadata'>): AuthMethod | 'none' {
  if (client_type === 'public') return 'none';
  const { token_endpoint_auth_method }: ClientMetadata = JSON.parse(metadata);
  return token_endpoint_auth_method ?? DEFAULT_AUTH_METHOD;
}

/** What is stored of a new client without a column of its own. */
function toMetadata(input: z.output<typeof clientInput>, grantTypes: string[]): ClientMetadata {
  return {
    grant_types: grantTypes,
    post_logout_redirect_uris: input.postLogoutRedirectUris,
    id_token_signed_response_alg: input.idTokenSignedResponseAlg,
    display_code: input.displayCode,
    cors_origins: input.corsOrigins,
    resource_server: input.resourceServer,
    application_type: input.applicationType,
    default_scope: input.defaultScope?.join(' ') || undefined,
    claims: input.claims,
    require_pushed_authorization_requests: input.requirePar,
    dpop_bound_access_tokens: input.requireDpop,
    backchannel_logout_uri: input.backchannelLogoutUri ?? undefined,
    token_endpoint_auth_method: input.authMethod,
    token_endpoint_auth_signing_alg: input.authSigningAlg,
    jwks: input.jwks,
    jwks_uri: input.jwksUri,
    certificate_subject: input.certificateSubject,
    tls_client_certificate_bound_access_tokens: input.requireMtls,
    fapi: input.fapi,
    contacts: input.contacts,
    ...toMessageMetadata(input),
    ...toPolicyMetadata(input),
    exchange_resources: input.exchangeResources,
    assertion_audiences: input.assertionAudiences,
    backchannel_client_notification_endpoint: input.cibaNotificationUri ?? undefined,
    ...toLinks(input),
  };
}

/** The metadata after a change. Members that the change does not name stay. */
function changeMetadata(earlier: ClientMetadata, input: z.output<typeof clientChange>): ClientMetadata {
  const { defaultScope } = input;
  return {
    ...earlier,
    ...toMessageMetadata(input, earlier),
    ...toPolicyMetadata(input, earlier),
    exchange_resources: input.exchangeResources ?? earlier.exchange_resources ?? [],
    assertion_audiences: input.assertionAudiences ?? earlier.assertion_audiences ?? [],
    backchannel_client_notification_endpoint:
      orEarlier(input.cibaNotificationUri, earlier.backchannel_client_notification_endpoint) ?? undefined,
    ...toLinks(input, earlier),
    grant_types: input.grantTypes ?? earlier.grant_types,
    post_logout_redirect_uris: input.postLogoutRedirectUris ?? earlier.post_logout_redirect_uris,
    id_token_signed_response_alg: input.idTokenSignedResponseAlg ?? earlier.id_token_signed_response_alg,
    application_type: input.applicationType ?? earlier.application_type,
    resource_server: input.resourceServer ?? earlier.resource_server,
    cors_origins: input.corsOrigins ?? earlier.cors_origins,
    default_scope: defaultScope ? defaultScope.join(' ') || undefined : earlier.default_scope,
    claims: input.claims ?? earlier.claims,
    require_pushed_authorization_requests: input.requirePar ?? earlier.require_pushed_authorization_requests,
    dpop_bound_access_tokens: input.requireDpop ?? earlier.dpop_bound_access_tokens,
    backchannel_logout_uri:
      orEarlier(input.backchannelLogoutUri, earlier.backchannel_logout_uri) ?? undefined,
    token_endpoint_auth_method: input.authMethod ?? earlier.token_endpoint_auth_method,
    token_endpoint_auth_signing_alg: input.authSigningAlg ?? earlier.token_endpoint_auth_signing_alg,
    certificate_subject: input.certificateSubject ?? earlier.certificate_subject,
    tls_client_certificate_bound_access_tokens:
      input.requireMtls ?? earlier.tls_client_certificate_bound_access_tokens,
    fapi: input.fapi ?? earlier.fapi,
    contacts: input.contacts ?? earlier.contacts,
    jwks: input.jwksUri === undefined ? (input.jwks ?? earlier.jwks) : input.jwks,
    jwks_uri: input.jwks === undefined ? (input.jwksUri ?? earlier.jwks_uri) : input.jwksUri,
  };
}

/** Null is a value: it removes the earlier one. */
const orEarlier = <T>(value: T | undefined, earlier: T): T => (value === undefined ? earlier : value);

/** Servers of the version before the column `pkce` read `require_pkce`. */
const pkceColumns = (pkce: PkceLevel) => ({ pkce, require_pkce: pkce !== 'off' });

const defaultPkce = (isPublic: boolean, fapi = false): PkceLevel =>
  isPublic || fapi ? 'always' : 'or-nonce';

/** The columns that a new application sets. @param scope its scopes, if the input names none the default ones */
export function toColumns(
  input: z.output<typeof clientInput>,
  { grantTypes, scope }: { grantTypes: string[]; scope: string[] },
) {
  const metadata = toMetadata(input, grantTypes);
  if (input.fapi) fillFapi(metadata, String(input.authMethod), {});
  return {
    client_name: input.name,
    client_type: input.public ? ('public' as const) : ('confidential' as const),
    redirect_uris: JSON.stringify(input.redirectUris),
    allowed_scopes: JSON.stringify(scope),
    ...pkceColumns(input.pkce ?? defaultPkce(input.public, input.fapi)),
    is_first_party: input.firstParty,
    is_active: true,
    refresh_token_max_ttl: input.refreshTokenMaxTtl,
    refresh_overlap: input.refreshOverlap,
    logo_uri: input.logoUri ?? null,
    metadata: JSON.stringify(metadata),
  };
}

/** The columns after a change. Members that it does not name stay. */
export function changeColumns(row: ClientRow, input: z.output<typeof clientChange>) {
  const isPublic = input.public ?? row.client_type === 'public';
  const isOtherKind = isPublic !== (row.client_type === 'public');
  const metadata = changeMetadata(JSON.parse(row.metadata), input);
  if (isPublic) metadata.token_endpoint_auth_method = undefined;
  // When the method changes, what only the earlier one needed is removed.
  if (input.authMethod ?? isPublic) {
    metadata.token_endpoint_auth_signing_alg = input.authSigningAlg;
    metadata.certificate_subject = input.certificateSubject;
  }
  if (input.fapi) fillFapi(metadata, String(metadata.token_endpoint_auth_method), input);
  const pkce = isOtherKind || input.fapi ? defaultPkce(isPublic, metadata.fapi) : row.pkce;
  return {
    metadata: JSON.stringify(metadata),
    client_type: isPublic ? ('public' as const) : ('confidential' as const),
    redirect_uris: input.redirectUris ? JSON.stringify(input.redirectUris) : row.redirect_uris,
    client_name: input.name ?? row.client_name,
    is_first_party: input.firstParty ?? row.is_first_party,
    ...pkceColumns(input.pkce ?? pkce),
    refresh_token_max_ttl: orEarlier(input.refreshTokenMaxTtl, row.refresh_token_max_ttl),
    refresh_overlap: orEarlier(input.refreshOverlap, row.refresh_overlap),
    logo_uri: orEarlier(input.logoUri, row.logo_uri),
    allowed_scopes: input.scope ? JSON.stringify(input.scope) : row.allowed_scopes,
  };
}
