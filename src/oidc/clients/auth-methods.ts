/** How an application with a secret or a key can prove who it is (RFC 7591 section 2). A public one has the method `none`. */
export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const;

/**
 * The algorithms of client assertions. Of those with a shared secret only HS256, because our secrets are too short for the
 * others (RFC 7518 section 3.2).
 */
export const ASSERTION_ALGS = [
  'HS256',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'EdDSA',
] as const;

export type AssertionAlg = (typeof ASSERTION_ALGS)[number];

export type AuthMethod = (typeof AUTH_METHODS)[number];

export const DEFAULT_AUTH_METHOD: AuthMethod = 'client_secret_basic';

/** How the secret of an application is stored: as a digest, sealed because an HMAC needs the secret itself, or not at all. */
type SecretStorage = 'digest' | 'sealed' | 'none';

/** @param method a `token_endpoint_auth_method`, also `none` */
export function secretStorageOf(method: string): SecretStorage {
  if (method === 'client_secret_jwt') return 'sealed';
  return method === 'client_secret_basic' || method === 'client_secret_post' ? 'digest' : 'none';
}

/** Whether an application with this method can sign its assertions with that algorithm. */
export function canSignWith(method: string, alg: AssertionAlg): boolean {
  if (method === 'client_secret_jwt') return alg === 'HS256';
  return method === 'private_key_jwt' && alg !== 'HS256';
}

/** Whether an application with this method has a private key of its own, so that its public keys must be known. */
export const needsKeys = (method: string): boolean =>
  method === 'private_key_jwt' || method === 'self_signed_tls_client_auth';

/** The members of RFC 8705 section 2.1.2, and the kinds of names that they stand for on the command line. */
export const SUBJECT_MEMBERS = {
  dn: 'tls_client_auth_subject_dn',
  dns: 'tls_client_auth_san_dns',
  uri: 'tls_client_auth_san_uri',
  ip: 'tls_client_auth_san_ip',
  email: 'tls_client_auth_san_email',
} as const;

export type SubjectKind = keyof typeof SUBJECT_MEMBERS;
