import type { AuthMethod } from './auth-methods.ts';
import type { PkceLevel } from './input.ts';
import { isLoopback } from './redirect-uris.ts';
import type { ClientMetadata } from './store.ts';

/**
 * The rules of the FAPI 2.0 Security Profile (section 5.3) for one application. The engine's feature `fapi` has some of them
 * for each request; the others are members of the client that it must have.
 */

/** Section 5.3.2.1, number 6. */
const METHODS: readonly string[] = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] satisfies AuthMethod[];

/** The algorithms of section 5.4.1, as far as this server has them. */
export const FAPI_ALGS = ['PS256', 'ES256', 'Ed25519', 'EdDSA'];

/** What an application may do beside the authorization code flow. A device has no pushed request. */
const GRANTS = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:openid:params:grant-type:ciba',
]);

const RESPONSE_ALGS = [
  'authorization_signed_response_alg',
  'introspection_signed_response_alg',
  'userinfo_signed_response_alg',
] as const;

interface Stated {
  requirePar?: boolean | undefined;
  requireDpop?: boolean | undefined;
  requireMtls?: boolean | undefined;
  idTokenSignedResponseAlg?: string | undefined;
}

/**
 * Gives an application that is to follow the profile the members that it needs. What was stated stays, and is checked.
 * @param method how it authenticates
 */
export function fillFapi(metadata: ClientMetadata, method: string, stated: Stated): void {
  metadata.require_pushed_authorization_requests = stated.requirePar ?? true;
  const isBound = metadata.dpop_bound_access_tokens || metadata.tls_client_certificate_bound_access_tokens;
  if (!isBound && method.endsWith('tls_client_auth'))
    metadata.tls_client_certificate_bound_access_tokens = stated.requireMtls ?? true;
  else if (!isBound) metadata.dpop_bound_access_tokens = stated.requireDpop ?? true;
  if (!FAPI_ALGS.includes(metadata.id_token_signed_response_alg))
    metadata.id_token_signed_response_alg = stated.idTokenSignedResponseAlg ?? 'ES256';
}

/** @returns what of the profile an application that is to follow it lacks, one sentence each */
export function findFapiFaults(client: {
  method: string;
  metadata: ClientMetadata;
  redirectUris: string[];
  pkce: PkceLevel;
}): string[] {
  const { metadata, method } = client;
  const faults: [isFault: boolean, sentence: string][] = [
    [!METHODS.includes(method), `It authenticates with one of ${METHODS.join(', ')}.`],
    [!metadata.require_pushed_authorization_requests, 'Its requests are pushed (--require-par).'],
    [client.pkce !== 'always', 'It uses PKCE (--pkce always).'],
    [
      !metadata.dpop_bound_access_tokens && !metadata.tls_client_certificate_bound_access_tokens,
      'Its tokens are bound to a key (--require-dpop or --require-mtls).',
    ],
    [
      !FAPI_ALGS.includes(metadata.id_token_signed_response_alg),
      'Its ID tokens are signed with ES256 or EdDSA (--id-token-alg).',
    ],
    [
      RESPONSE_ALGS.some((name) => metadata[name] && !FAPI_ALGS.includes(metadata[name])),
      'Its signed responses are signed with ES256 or EdDSA (--response-alg, --introspection-alg, --userinfo-alg).',
    ],
    [
      metadata.token_endpoint_auth_signing_alg !== undefined &&
        !FAPI_ALGS.includes(metadata.token_endpoint_auth_signing_alg),
      `It signs with one of ${FAPI_ALGS.join(', ')}.`,
    ],
    [metadata.grant_types.some((type) => !GRANTS.has(type)), 'It has no grant type for devices or exchange.'],
    [metadata.display_code, 'Its code is not shown to people.'],
    [
      client.redirectUris.some((uri) => uri.startsWith('http:') && !isLoopback(uri)),
      'Its redirect URIs begin with https, or name the own device.',
    ],
  ];
  return faults.filter(([isFault]) => isFault).map(([, sentence]) => sentence);
}
