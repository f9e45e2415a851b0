import type { Provider } from 'oidc-provider';
import { isLatchkeyScope, limitToCeiling, limitToClient, parseScopes } from '../access/scopes.ts';
import type { EngineAccount } from './claims.ts';
import type { EngineClient } from './clients/document.ts';
import { beforeAccessTokenSave, replaceRequestedScopes } from './engine-internals.ts';

/** Seconds. No token with a scope over Latchkey itself lives longer. */
const LATCHKEY_TOKEN_TTL = 3600;

/** @returns the life time of an access token in seconds */
export function accessTokenTtl(configured: number, scope: string | undefined): number {
  return parseScopes(scope).some(isLatchkeyScope) ? Math.min(configured, LATCHKEY_TOKEN_TTL) : configured;
}

/** Those of the scopes that the application is allowed to request; all of them while no application is known. */
function limitToApplication(client: EngineClient | undefined, scopes: string[]): string[] {
  return client
    ? limitToClient(scopes, parseScopes(client.allowed_scopes), client.grantTypeAllowed('refresh_token'))
    : scopes;
}

/**
 * A token carries requested ∩ client ∩ account ceiling. It is decided where the engine reads a request's scope, and
 * again when an access token is stored, with the application and the account as they are by then: a refresh token
 * may be older than a change of either.
 */
export function limitScopes(provider: Provider): void {
  replaceRequestedScopes(provider, ({ client, params }) =>
    limitToApplication(client as unknown as EngineClient, parseScopes(params?.scope as string)),
  );
  beforeAccessTokenSave<EngineClient>(provider, (token, ctx) => {
    const account = ctx?.oidc.account as unknown as EngineAccount | undefined;
    const scopes = limitToApplication(token.client, parseScopes(token.scope));
    token.scope = (account ? limitToCeiling(scopes, account.scopes) : scopes).join(' ') || undefined;
  });
}
