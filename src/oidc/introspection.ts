import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { covers, isBuiltIn, limitToCeiling, parseScopes } from '../access/scopes.ts';
import { findRoute } from '../web/routes.ts';
import type { FindAccount } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { signMessage } from './engine/messages.ts';
import { mayUseResource } from './resource-access.ts';
import type { FindResource } from './resources/service.ts';
import type { Resource } from './resources/store.ts';
import { findStoredAccount } from './storage/accounts.ts';

/** A token as far as a resource server may read it. */
interface PresentedToken {
  kind: string;
  clientId?: string;
  accountId?: string;
  aud?: string | string[];
  scope?: string;
}

type ResourceServer = Pick<
  EngineClient,
  'clientId' | 'allowed_scopes' | 'is_resource_server' | 'grantTypeAllowed'
>;

/**
 * The scopes of a resource server. One that people also sign in to does not serve the scopes of signing in: every
 * application has those, and it requests them for itself.
 */
function servedScopes(client: ResourceServer): string[] {
  const scopes = parseScopes(client.allowed_scopes);
  return client.grantTypeAllowed('authorization_code') ? scopes.filter((scope) => !isBuiltIn(scope)) : scopes;
}

/**
 * Whether a client may introspect a token of another one: it is registered as a resource server, and serves one of the
 * scopes of this access token. A token for a resource is only for the client of that resource: another one may serve a
 * scope of the same name. Nobody but its client may introspect a refresh token.
 */
function serves(
  client: ResourceServer,
  token: PresentedToken,
  scopes: string[],
  resource: Resource | undefined,
): boolean {
  if (!client.is_resource_server || token.kind === 'RefreshToken') return false;
  if (token.aud !== undefined) return resource?.clientId === client.clientId;
  const served = servedScopes(client);
  return scopes.some((scope) => covers(served, scope));
}

/** The resource that a token is for. Undefined for a token without one, and for a resource that is disabled. */
async function findAudience(findResource: FindResource, audience: unknown): Promise<Resource | undefined> {
  return typeof audience === 'string' ? findResource(audience) : undefined;
}

/**
 * The scopes of a token that its account still has. A token that was being issued while the ceiling was lowered, or that
 * is older than a change of the table, carries more.
 */
function scopesLeft(scope: unknown, account: { scopes: string[] } | undefined): string[] {
  const scopes = parseScopes(typeof scope === 'string' ? scope : undefined);
  return account ? limitToCeiling(scopes, account.scopes) : scopes;
}

/** Whether a token for a resource is still one: the resource is active, and the account may use it. */
const isUsable = (resource: Resource | undefined, account: { scopes: string[] } | undefined) =>
  resource !== undefined && (account === undefined || mayUseResource(resource.scopes, account));

interface TokenAccessDeps {
  /** Resolves with undefined for an account whose tokens are no longer valid. */
  findAccount: FindAccount;
  findResource: FindResource;
}

/** Whether this client may learn what the token says: `foreign` if it is not meant for it, `ended` if it is no longer valid. */
export type TokenAccess = (
  client: ResourceServer,
  token: PresentedToken,
) => Promise<'readable' | 'ended' | 'foreign'>;

/** A token may be read by the client that it was issued to, and by the one whose API it is for. */
export const createTokenAccess =
  (deps: TokenAccessDeps): TokenAccess =>
  async (client, token) => {
    const account = token.accountId === undefined ? undefined : await deps.findAccount(token.accountId);
    const resource = await findAudience(deps.findResource, token.aud);
    const scopes = scopesLeft(token.scope, account);
    if (token.clientId !== client.clientId && !serves(client, token, scopes, resource)) return 'foreign';
    const isLive =
      (token.accountId === undefined || account !== undefined) &&
      (token.aud === undefined || isUsable(resource, account));
    return isLive ? 'readable' : 'ended';
  };

/** The engine's `introspection.allowedPolicy`. A refusal is in the log like that of a request. */
export const createIntrospectionPolicy = (deps: TokenAccessDeps) => {
  const accessTo = createTokenAccess(deps);
  return async (ctx: KoaContextWithOIDC, client: EngineClient, token: PresentedToken): Promise<boolean> => {
    const access = await accessTo(client, token);
    if (access !== 'foreign') return access === 'readable';
    ctx.oidc.provider.emit('introspection.error', ctx, {
      name: 'NotServed',
      message: 'inactive',
      error: 'inactive',
      error_description:
        'the token is of another application, and this one is no resource server for its scope or resource; the answer was active: false',
    } as never);
    return false;
  };
};

/**
 * Adds `username` and `aud` (RFC 7662 section 2.2). A resource server learns only of the scopes that it serves. An
 * application learns the username of its own token by the scope that also gives it the claim `preferred_username`.
 */
async function completeIntrospection(
  ctx: Context & KoaContextWithOIDC,
  findResource: FindResource,
): Promise<void> {
  const body = ctx.body as Record<string, unknown> | undefined;
  if (!body?.active) return;
  const client = ctx.oidc.client as unknown as ResourceServer;
  const isOwn = body.client_id === client.clientId;
  const { AccessToken, RefreshToken } = ctx.oidc.entities;
  const owner = (AccessToken ?? RefreshToken)?.accountId;
  const account = owner === undefined ? undefined : await findStoredAccount(owner);
  // A username would undo a pairwise subject.
  const username = body.sub === owner ? account?.username : undefined;
  const scopes = scopesLeft(body.scope, account);
  const resource = await findAudience(findResource, body.aud);
  const served = resource?.scopes ?? (isOwn ? scopes : servedScopes(client));
  const visible = scopes.filter((scope) => covers(served, scope));
  ctx.body = {
    ...body,
    scope: visible.join(' ') || undefined,
    username: !isOwn || scopes.includes('profile') ? username : undefined,
    aud: body.aud ?? client.clientId,
  };
}

const SIGNED = 'application/token-introspection+jwt';

/**
 * Signs the answer for clients that accept it signed (RFC 9701 section 5). The engine would sign it before it is complete, and
 * is not asked to: `acceptJsonOnly` has replaced the header.
 */
async function signIntrospection(ctx: Context & KoaContextWithOIDC): Promise<void> {
  if (!String(ctx.state.acceptedType).includes(SIGNED) || ctx.status !== 200) return;
  const token_introspection = ctx.body as Record<string, unknown>;
  ctx.body = await signMessage(ctx, 'introspection', { token_introspection });
  ctx.type = SIGNED;
}

/** Adds to the answer about a token what the engine does not know. */
export function completeIntrospections(findResource: FindResource): Middleware {
  return async (ctx, next) => {
    await next();
    if (findRoute(ctx.path)?.path !== '/token/introspection') return;
    const engineContext = ctx as Context & KoaContextWithOIDC;
    await completeIntrospection(engineContext, findResource);
    await signIntrospection(engineContext);
  };
}
