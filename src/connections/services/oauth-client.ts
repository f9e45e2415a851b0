import type { Configuration } from 'openid-client';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import type { Service } from './service-config.ts';

/** openid-client, loaded at its first use: most servers have no connections. */
export const loadOAuthClient = () => import('openid-client');

/**
 * How openid-client sees a service: its endpoints, and this server as its client.
 * @param options `fetch` guards every request against server-side request forgery; `allowPrivate` admits http
 */
export async function toConfiguration(
  service: Service,
  options: { fetch: GuardedFetch; allowPrivate: boolean },
): Promise<Configuration> {
  const client = await loadOAuthClient();
  const { clientSecret: secret, settings } = service;
  const authentications = {
    client_secret_post: client.ClientSecretPost,
    client_secret_basic: client.ClientSecretBasic,
    none: client.None,
  };
  const method = settings.clientAuth ?? (secret === undefined ? 'none' : 'client_secret_basic');
  const configuration = new client.Configuration(
    {
      issuer: service.issuer ?? new URL(String(service.tokenUrl)).origin,
      authorization_endpoint: service.authUrl,
      token_endpoint: service.tokenUrl,
      userinfo_endpoint: service.userinfoUrl,
      revocation_endpoint: service.revokeUrl,
    },
    String(service.clientId),
    undefined,
    authentications[method](secret),
  );
  configuration[client.customFetch] = options.fetch as never;
  if (options.allowPrivate) client.allowInsecureRequests(configuration);
  return configuration;
}
