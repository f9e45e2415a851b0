import { findRoute } from '../../web/routes.ts';

/**
 * The client that stands for our own pages (account and console). A browser without a session is sent through an
 * authorization request like that of any application, so that sign-in, sign-up and every later step exist only once.
 * The pages need the session alone: the code is never redeemed, and no secret matches this client.
 */
export const OWN_CLIENT_ID = 'latchkey';
export const SIGNED_IN_PATH = '/signed-in';

/** Its document for the engine; it has no row in T_oauth_clients. */
export function ownClient(issuer: string): Record<string, unknown> {
  return {
    client_id: OWN_CLIENT_ID,
    client_name: 'Latchkey',
    client_uri: `${issuer}/account/security`,
    redirect_uris: [`${issuer}${SIGNED_IN_PATH}`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'client_secret_basic',
    // Secrets are compared by their digests, and no digest is this text.
    client_secret: 'none',
    allowed_scopes: 'openid',
    pkce: 'off',
    is_first_party: true,
    display_code: false,
    cors_origins: [],
    is_native: false,
    any_port: false,
    is_resource_server: false,
    exchange_resources: [],
    assertion_audiences: [],
    hand_out_services: [],
  };
}

/**
 * @param state of the sign-in's response
 * @returns the page that it names; the home page if it names another path, so that `state` cannot redirect elsewhere
 */
export function toOwnPage(state: unknown): string {
  return typeof state === 'string' && findRoute(state)?.afterSignIn ? state : '/';
}

/**
 * The authorization request by which a browser signs in, or signs up, and then continues to one of our pages.
 * @param params further parameters, such as `prompt`
 */
export function signInUrl(issuer: string, page: string, params: Record<string, string> = {}): string {
  return `/auth?${new URLSearchParams({
    client_id: OWN_CLIENT_ID,
    response_type: 'code',
    redirect_uri: `${issuer}${SIGNED_IN_PATH}`,
    scope: 'openid',
    state: page,
    ...params,
  })}`;
}
