import { limitToClient } from '../../access/scopes.ts';
import { refuse } from '../../kit/errors.ts';
import { hasUsers } from './grant-types.ts';
import type { PkceLevel } from './input.ts';
import { isLoopback, isPrivateUse } from './redirect-uris.ts';

/** Refuses combinations of members that make no working application. @throws LatchkeyError invalid_input */
export function checkCombination(client: {
  redirectUris: string[];
  postLogoutRedirectUris: string[];
  applicationType?: 'web' | 'native' | undefined;
  displayCode: boolean;
  resourceServer: boolean;
  public: boolean;
  grantTypes: string[];
  pkce?: PkceLevel | undefined;
  scope: string[];
  defaultScope?: string[] | undefined;
}): void {
  const { defaultScope = [], scope: allowed } = client;
  if (limitToClient(defaultScope, allowed, true).length < defaultScope.length)
    refuse('default_scope_not_allowed', 'The default scope has scopes that the application may not request.');
  if (client.resourceServer && client.public)
    refuse(
      'public_resource_server',
      'A resource server needs a secret to introspect tokens, so it cannot be public.',
    );
  if (client.resourceServer && allowed.length === 0)
    refuse('resource_server_without_scope', 'Name the scopes that the resource server serves with --scope.');
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
  if (client.grantTypes.includes('refresh_token') && !hasUsers(client.grantTypes))
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
