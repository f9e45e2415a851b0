import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { describesItself } from '../access/registered-via.ts';
import { isBuiltIn, isLatchkeyScope, limitToCeiling, parseScopes } from '../access/scopes.ts';
import { type EngineAccount, limitToApplication } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { isImplicit } from './clients/response-types.ts';
import {
  beforeAccessTokenSave,
  type EngineToken,
  invalidScope,
  replaceRequestedScopes,
} from './engine/internals.ts';
import { beforeScopeCheck, onClientFound } from './engine/requests.ts';
import { LATCHKEY_TOKEN_TTL_SECONDS } from './fixed-lifetimes.ts';
import { mayUseResource } from './resource-access.ts';

/**
 * The engine's `ttl.AccessToken`. A token for a resource lives as the resource says, and no longer than the application's own
 * limit.
 * @param configured seconds @returns seconds
 */
export const createAccessTokenLife =
  (configured: number) =>
  (_ctx: unknown, token: EngineToken<unknown>, client?: Pick<EngineClient, 'access_token_ttl'>): number => {
    const own = client?.access_token_ttl;
    const usual = own ?? configured;
    const ofScope = parseScopes(token.scope).some(isLatchkeyScope)
      ? Math.min(usual, LATCHKEY_TOKEN_TTL_SECONDS)
      : usual;
    return Math.min(token.resourceServer?.accessTokenTTL ?? ofScope, own ?? Number.POSITIVE_INFINITY);
  };

const OFFLINE = 'offline_access';

/** Removes the scopes of APIs if the application describes itself and the request or token names no API. */
const forNamedApi = (client: EngineClient | undefined, scopes: string[], resource: unknown): string[] =>
  client && describesItself(client) && resource === undefined ? scopes.filter(isBuiltIn) : scopes;

/** The scope of a request that names none (RFC 6749 section 3.3). */
function defaultScope(client: EngineClient): string | undefined {
  if (client.default_scope !== undefined) return client.default_scope;
  return limitToApplication(client, ['openid'])[0];
}

/**
 * Completes the scope of an authorization request before the engine checks the request: forgives additional spaces,
 * and takes the application's default for a request without a scope.
 * @throws InvalidScope when the application may have none of the scopes, which is known before anyone signs in
 */
function completeRequestedScope(client: EngineClient, scope: string | undefined, resource: unknown): string {
  const mayRequest = `this application may request: ${client.allowed_scopes || 'none'}`;
  const requested = scope ?? defaultScope(client);
  if (requested === undefined) throw invalidScope(`add a scope; ${mayRequest}`);
  const named = forNamedApi(client, parseScopes(requested), resource);
  const left = limitToApplication(client, named).filter((one) => one !== OFFLINE);
  if (left.length === 0) throw invalidScope(`none of the requested scopes is allowed; ${mayRequest}`);
  return requested;
}

/** The scopes of authorization requests that include `offline_access`. */
const offlineScopes = new WeakMap<object, string>();

/** The engine's routes that receive the scope of an authorization request. */
const REQUEST_ROUTES = ['authorization', 'pushed_authorization_request', 'device_authorization'];

type Oidc = KoaContextWithOIDC['oidc'];

/**
 * Completes the scope of an authorization request. It does not change after this, so whether it has `offline_access` is
 * noted here.
 */
function completeAuthorizationScope(oidc: Oidc): void {
  const { route, params, client } = oidc;
  if (!params || !client || !REQUEST_ROUTES.includes(route) || !isText(params.scope)) return;
  const engineClient = client as unknown as EngineClient;
  const completed = completeRequestedScope(engineClient, parseSpaces(params.scope), params.resource);
  params.scope = completed;
  const requested = limitToApplication(engineClient, parseScopes(completed));
  // OpenID Connect Core section 11: it counts only in requests for a code. A device sends no response type.
  if (requested.includes(OFFLINE) && !isImplicit(params.response_type))
    offlineScopes.set(oidc, requested.join(' '));
}

function completeTokenScope({ route, params, client }: Oidc): void {
  if (route !== 'token' || !params || !client || !isText(params.scope)) return;
  const scope = parseSpaces(params.scope);
  const isService = params.grant_type === 'client_credentials';
  params.scope = isService ? (scope ?? (client as unknown as EngineClient).default_scope) : scope;
}

const isText = (scope: unknown): scope is string | undefined =>
  scope === undefined || typeof scope === 'string';

/**
 * The engine drops `offline_access` from every request without `prompt=consent`. OpenID Connect Core section 11 allows
 * other conditions, and here it is a scope like the others: the user is asked for it unless they have allowed it before,
 * or the application is first-party. Called for each authorization request once the engine has checked its scope.
 */
export function keepOfflineAccess({ oidc }: { oidc: Oidc }): void {
  const scope = offlineScopes.get(oidc);
  if (scope !== undefined && oidc.params) oidc.params.scope = scope;
}

/** Splits a scope at spaces only, so that other characters are still refused. */
function parseSpaces(scope: string | undefined): string | undefined {
  return scope?.split(' ').filter(Boolean).join(' ') || undefined;
}

/**
 * A token gets the requested scopes that both the application and the account may have. This is checked where the
 * engine reads the request, and again when an access token is stored: the application or the account may have changed
 * since a refresh token was issued.
 */
export function limitScopes(provider: Provider): void {
  onClientFound(provider, completeTokenScope);
  beforeScopeCheck(provider, completeAuthorizationScope);
  // The user is not asked for a scope that the account may not have, and is asked once it may.
  replaceRequestedScopes(provider, ({ client, account, params }) => {
    const named = parseScopes(params?.scope as string);
    // If the request names resources, all other scopes are asked of these, each by itself (resource-access.ts).
    const own = client as unknown as EngineClient | undefined;
    const scopes =
      params?.resource === undefined ? forNamedApi(own, named, undefined) : named.filter(isBuiltIn);
    const allowed = own ? limitToApplication(own, scopes) : scopes;
    return account ? limitToCeiling(allowed, (account as unknown as EngineAccount).scopes) : allowed;
  });
  beforeAccessTokenSave<EngineClient>(provider, (token, ctx) => {
    const account = ctx?.oidc.account as unknown as EngineAccount | undefined;
    const { resourceServer } = token;
    if (resourceServer && account && !mayUseResource(resourceServer.scopes, account))
      throw new errors.InvalidTarget('this account may use none of the scopes of the resource');
    const issued = forNamedApi(token.client, parseScopes(token.scope), resourceServer);
    const scopes = token.client ? limitToApplication(token.client, issued) : issued;
    const left = account ? limitToCeiling(scopes, account.scopes) : scopes;
    // RFC 6749 section 5.1: a response must state a scope that differs, and it cannot state an empty one. Of a service's
    // request, the engine has kept the allowed scopes by now, if necessary none.
    const { scope } = ctx?.oidc.params ?? {};
    const asksForApi =
      resourceServer !== undefined && !parseScopes(scope as string | undefined).every(isBuiltIn);
    const isRequested = issued.length > 0 || scope === '' || asksForApi;
    if (isRequested && left.length === 0)
      throw invalidScope('none of the requested scopes is allowed for this application and account');
    token.scope = left.join(' ') || undefined;
  });
}
