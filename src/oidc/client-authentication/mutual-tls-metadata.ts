import type { Config } from '../../config/settings.ts';

/** The endpoints that applications call themselves (RFC 8705 section 5). */
const ENDPOINTS = [
  'token_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
  'pushed_authorization_request_endpoint',
  'device_authorization_endpoint',
  'backchannel_authentication_endpoint',
  'userinfo_endpoint',
];

type DiscoveryDocument = Record<string, unknown> & {
  issuer?: string;
  token_endpoint_auth_methods_supported?: string[];
};

/**
 * Corrects what the discovery document says about mutual TLS. The engine always has it, so that a token that must be bound to a
 * certificate is never issued without one, even if the setting was removed.
 */
export function describeMutualTls(
  document: DiscoveryDocument,
  { clientCertificates, mtlsUrl }: Pick<Config, 'clientCertificates' | 'mtlsUrl'>,
): object {
  const offers = (method: string) =>
    method === 'tls_client_auth'
      ? clientCertificates?.verifiedHeader !== undefined
      : method !== 'self_signed_tls_client_auth' || clientCertificates !== undefined;
  const { issuer = '', token_endpoint_auth_methods_supported: methods = [] } = document;
  const aliases = Object.entries(document)
    .filter(([name]) => ENDPOINTS.includes(name))
    .map(([name, url]) => [name, String(mtlsUrl) + String(url).slice(issuer.length)]);
  return {
    ...document,
    token_endpoint_auth_methods_supported: methods.filter(offers),
    tls_client_certificate_bound_access_tokens: clientCertificates ? true : undefined,
    mtls_endpoint_aliases: mtlsUrl === undefined ? undefined : Object.fromEntries(aliases),
  };
}
