import { CIBA, IMPLICIT, JWT_BEARER, TOKEN_EXCHANGE } from '../../access/grant-type-names.ts';
import { limitToAllowed, parseScopes } from '../../access/scopes.ts';
import type { Config } from '../../config/settings.ts';
import { refuse } from '../../kit/errors.ts';
import { type AuthMethod, canSignWith, needsKeys } from './auth-methods.ts';
import { authMethodOf } from './client-metadata.ts';
import { findFapiFaults } from './fapi.ts';
import { hasUsers } from './grant-types.ts';
import type { PkceLevel } from './input.ts';
import { isLoopback, isPrivateUse } from './redirect-uris.ts';
import { checkResponseTypes, isImplicit } from './response-types.ts';
import type { ClientMetadata, ClientRow } from './store.ts';

/** The server's settings that decide what a client can be. */
export type ClientSettings = Pick<Config, 'clientCertificates' | 'implicitGrant'>;

/** What a client is checked by. */
export type CheckedColumns = Pick<
  ClientRow,
  'pkce' | 'client_type' | 'redirect_uris' | 'allowed_scopes' | 'metadata'
>;

function read(row: CheckedColumns) {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  return {
    public: row.client_type === 'public',
    redirectUris: JSON.parse(row.redirect_uris) as string[],
    postLogoutRedirectUris: metadata.post_logout_redirect_uris,
    applicationType: metadata.application_type,
    displayCode: metadata.display_code,
    resourceServer: metadata.resource_server ?? false,
    grantTypes: metadata.grant_types,
    exchangeResources: metadata.exchange_resources,
    handOutServices: metadata.hand_out_services,
    scope: JSON.parse(row.allowed_scopes) as string[],
    defaultScope: parseScopes(metadata.default_scope),
  };
}

/** Refuses a method that the application cannot have, or without what it needs. */
function checkAuthMethod(row: CheckedColumns, stated: AuthMethod | undefined): void {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  if (row.client_type === 'public' && stated !== undefined)
    refuse(
      'public_client_with_auth_method',
      `A public application cannot use ${stated}: it has no secret and no private key. Make it confidential.`,
    );
  const { token_endpoint_auth_signing_alg: alg } = metadata;
  if (alg !== undefined && !canSignWith(authMethodOf(row), alg))
    refuse(
      'signing_alg_without_method',
      `An application that authenticates with ${authMethodOf(row)} cannot sign with ${alg}. HS256 belongs to client_secret_jwt, the other algorithms to private_key_jwt.`,
    );
  const method = authMethodOf(row);
  if ((method === 'tls_client_auth') !== (metadata.certificate_subject !== undefined))
    refuse(
      'certificate_subject_without_method',
      'The method tls_client_auth needs what its certificate must have (--certificate-subject), and no other method has that.',
    );
  if (method === 'self_signed_tls_client_auth' && metadata.jwks?.keys.some(({ x5c }) => x5c) === false)
    refuse(
      'certificate_missing',
      'The method self_signed_tls_client_auth needs keys with their certificates (x5c). Name a PEM file with the certificate in --jwks.',
    );
  if (metadata.tls_client_certificate_bound_access_tokens && metadata.dpop_bound_access_tokens)
    refuse('tokens_bound_twice', 'Tokens are bound to a certificate or to a DPoP key, not to both.');
  if (metadata.jwks !== undefined && metadata.jwks_uri !== undefined)
    refuse(
      'keys_contradicted',
      'The public keys of an application are either registered (jwks) or published (jwks_uri). Leave out one of the two.',
    );
  if (needsKeys(authMethodOf(row)) && metadata.jwks === undefined && metadata.jwks_uri === undefined)
    refuse(
      'keys_missing',
      `An application that authenticates with ${authMethodOf(row)} needs its public keys. Add --jwks with a file, or --jwks-uri with their address.`,
    );
}

/** Refuses an application that is to follow the FAPI 2.0 Security Profile, and does not. */
function checkProfile(row: CheckedColumns, redirectUris: string[]): void {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  if (!metadata.fapi) return;
  const faults = findFapiFaults({ method: authMethodOf(row), metadata, redirectUris, pkce: row.pkce });
  if (faults.length > 0)
    refuse(
      'fapi_profile_violated',
      `An application with the FAPI 2.0 Security Profile needs more. ${faults.join(' ')}`,
    );
}

/** Refuses pairwise subjects where it is not clear which applications get the same ones (OpenID Connect Core section 8.1). */
function checkSubjects(row: CheckedColumns, redirectUris: string[]): void {
  const {
    subject_type,
    sector_identifier_uri,
    grant_types,
    assertion_audiences = [],
  }: ClientMetadata = JSON.parse(row.metadata);
  if (subject_type !== 'pairwise') return;
  if (assertion_audiences.length > 0)
    refuse(
      'pairwise_with_assertions',
      'An application with pairwise subjects cannot get identity assertions: their subject is the same at every server.',
    );
  if (
    redirectUris.length === 0 ||
    grant_types.some((type) => type.startsWith('urn:') && type !== TOKEN_EXCHANGE)
  )
    refuse(
      'pairwise_without_redirect_uri',
      'Pairwise subjects are for applications with redirect URIs, and neither for devices nor for sign-ins by another channel.',
    );
  const hosts = new Set(redirectUris.map((uri) => URL.parse(uri)?.host));
  if (hosts.size > 1 && sector_identifier_uri === undefined)
    refuse(
      'pairwise_sector_unclear',
      'An application with pairwise subjects has redirect URIs of one host. Otherwise add --sector-identifier-uri.',
    );
}

/** Refuses what needs a setting that the server does not have. @throws LatchkeyError invalid_input */
export function checkServer(
  input: {
    authMethod?: AuthMethod | undefined;
    requireMtls?: boolean | undefined;
    grantTypes?: string[] | undefined;
    responseTypes?: string[] | undefined;
  },
  { clientCertificates: certificates, implicitGrant }: ClientSettings,
): void {
  const { authMethod, requireMtls } = input;
  if (!implicitGrant && (input.grantTypes?.includes(IMPLICIT) || input.responseTypes?.some(isImplicit)))
    refuse(
      'implicit_grant_off',
      'This server sends codes alone (response_type=code). OAuth 2.1 has no implicit grant. For applications that cannot do without, set LATCHKEY_IMPLICIT_GRANT first.',
    );
  if (certificates === undefined && (requireMtls || authMethod?.endsWith('tls_client_auth')))
    refuse(
      'mutual_tls_off',
      'This server does not see certificates of clients. Set LATCHKEY_CLIENT_CERT_HEADER first.',
    );
  if (authMethod === 'tls_client_auth' && certificates?.verifiedHeader === undefined)
    refuse(
      'certificates_not_verified',
      'This server does not know which certificates were verified. Set LATCHKEY_CLIENT_CERT_VERIFIED_HEADER first.',
    );
}

/**
 * Refuses members that contradict each other, such as a public client with a grant that needs a secret.
 * @param row the client as it is to be stored
 * @param stated the members that this request named; the others keep their stored values
 * @throws LatchkeyError invalid_input
 */
export function checkCombination(
  row: CheckedColumns,
  stated: { pkce?: PkceLevel | undefined; authMethod?: AuthMethod | undefined },
): void {
  const client = { ...read(row), pkce: stated.pkce };
  checkAuthMethod(row, stated.authMethod);
  checkProfile(row, client.redirectUris);
  checkSubjects(row, client.redirectUris);
  checkResponseTypes(JSON.parse(row.metadata), client.redirectUris);
  const { defaultScope, scope: allowed } = client;
  if (limitToAllowed(defaultScope, allowed, true).length < defaultScope.length)
    refuse('default_scope_not_allowed', 'The default scope has scopes that the application may not request.');
  if (client.resourceServer && client.public)
    refuse(
      'public_resource_server',
      'A resource server needs a secret to introspect tokens, so it cannot be public.',
    );
  if (client.resourceServer && allowed.length === 0)
    refuse('resource_server_without_scope', 'Name the scopes that the resource server serves with --scope.');
  if (client.grantTypes.includes(CIBA) && client.public)
    refuse(
      'public_client_with_ciba',
      'A public application cannot ask for sign-ins without a browser: anyone could ask in its name, because it has no secret.',
    );
  const exchanges = client.grantTypes.includes(TOKEN_EXCHANGE);
  if (exchanges && client.public)
    refuse(
      'public_client_with_token_exchange',
      'A public application cannot exchange tokens: anyone could act in its name, because it has no secret.',
    );
  if (client.grantTypes.includes(JWT_BEARER) && client.public)
    refuse(
      'public_client_with_assertions',
      'A public application cannot present identity assertions: anyone could, because it has no secret.',
    );
  if (!exchanges && client.exchangeResources?.length)
    refuse(
      'exchange_resources_without_grant',
      `--exchange-resource needs --grant-type ${TOKEN_EXCHANGE}. Add it.`,
    );
  if (!exchanges && client.handOutServices?.length)
    refuse('hand_out_without_grant', `--hand-out needs --grant-type ${TOKEN_EXCHANGE}. Add it.`);
  const uris = [...client.redirectUris, ...client.postLogoutRedirectUris];
  if (uris.some(isPrivateUse) && uris.some((uri) => uri.startsWith('http:') && !isLoopback(uri)))
    refuse(
      'private_use_scheme_with_http',
      'An application with a scheme of its own can use http for loopback addresses only. Register the http address for another application.',
    );
  if (uris.some(isPrivateUse) && client.applicationType === 'web')
    refuse(
      'web_application_with_private_use_scheme',
      'An application with a scheme of its own has the type native.',
    );
  const usesCode = client.grantTypes.includes('authorization_code');
  if (client.displayCode && client.redirectUris.length > 0)
    refuse(
      'display_client_with_redirect_uri',
      'An application with --display-code has no redirect URI. Leave out --display-code or --redirect-uri.',
    );
  if (client.displayCode && !usesCode)
    refuse('display_client_without_code', '--display-code needs the grant type authorization_code.');
  if (usesCode && !client.displayCode && client.redirectUris.length === 0)
    refuse(
      'redirect_uri_missing',
      'An application that people sign in to needs a redirect URI. Add --redirect-uri, or --display-code to show its code.',
    );
  if (client.public && client.grantTypes.includes('client_credentials'))
    refuse(
      'public_client_with_client_credentials',
      'A public application cannot use client_credentials: it has no secret.',
    );
  if (
    client.grantTypes.includes('refresh_token') &&
    !hasUsers(client.grantTypes.filter((type) => type !== IMPLICIT))
  )
    refuse(
      'refresh_token_without_code',
      'The grant type refresh_token works only together with authorization_code or that of devices. Add one, or leave out refresh_token.',
    );
  if (client.public && client.pkce !== undefined && client.pkce !== 'always')
    refuse(
      'public_client_without_pkce',
      'A public application cannot work without PKCE: it has no secret. Its level is always.',
    );
}
