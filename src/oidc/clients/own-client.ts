/**
 * Our own pages (the account, the console) are an application of this server like any other: who opens one
 * without a session is sent through the same authorization request, so that sign-in, invitation and every later
 * step have one way. The session is all it wants: its code is never redeemed, and no secret in the world is its own.
 */
export const OWN_CLIENT_ID = 'latchkey';
export const SIGNED_IN_PATH = '/signed-in';

/** What the engine knows of our own pages; it stands in no table. */
export function ownClient(issuer: string): Record<string, unknown> {
  return {
    client_id: OWN_CLIENT_ID,
    client_name: 'Latchkey',
    redirect_uris: [`${issuer}${SIGNED_IN_PATH}`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'client_secret_basic',
    // Secrets are compared as digests: this is none.
    client_secret: 'none',
    allowed_scopes: 'openid',
    require_pkce: false,
    is_first_party: true,
    display_code: false,
  };
}

/** Only a page of ours is returned to: the path is one of these, letter by letter. */
const PAGE = /^\/(account|admin)(\/[a-z0-9-]+){0,3}$/;

/** @returns the page to go on to after sign-in; the front page for anything else (open redirect) */
export function pageOf(state: unknown): string {
  return typeof state === 'string' && PAGE.test(state) ? state : '/';
}

/** Where a browser goes to sign in, or to come in by an invitation, and then on to a page of ours. */
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
