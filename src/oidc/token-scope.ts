import type { Provider } from 'oidc-provider';
import { isLatchkeyScope, limitToCeiling, parseScopes } from '../access/scopes.ts';
import { type EngineAccount, limitToApplication } from './claims.ts';
import type { EngineClient } from './clients/document.ts';
import { beforeAccessTokenSave, replaceRequestedScopes } from './engine-internals.ts';

/** Seconds. No token with a scope over Latchkey itself lives longer. */
const LATCHKEY_TOKEN_TTL = 3600;

/** @returns the life time of an access token in seconds */
export function accessTokenTtl(configured: number, scope: string | undefined): number {
  return parseScopes(scope).some(isLatchkeyScope) ? Math.min(configured, LATCHKEY_TOKEN_TTL) : configured;
}

/**
 * A token carries requested ∩ client ∩ account ceiling. It is decided where the engine reads a request's scope, and
 * again when an access token is stored, with the application and the account as they are by then: a refresh token
 * may be older than a change of either.
 */
export function limitScopes(provider: Provider): void {
  replaceRequestedScopes(provider, ({ client, params }) => {
    const scopes = parseScopes(params?.scope as string);
    return client ? limitToApplication(client as unknown as EngineClient, scopes) : scopes;
  });
  beforeAccessTokenSave<EngineClient>(provider, (token, ctx) => {
    const account = ctx?.oidc.account as unknown as EngineAccount | undefined;
    const issued = parseScopes(token.scope);
    const scopes = token.client ? limitToApplication(token.client, issued) : issued;
    token.scope = (account ? limitToCeiling(scopes, account.scopes) : scopes).join(' ') || undefined;
  });
}
