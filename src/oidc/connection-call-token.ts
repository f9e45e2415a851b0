import type { Context } from 'koa';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { isConnectionScope } from '../access/connection-scopes.ts';
import { limitToCeiling, parseScopes } from '../access/scopes.ts';
import type { Driver } from '../database/driver/contract.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { addressOf } from '../web/ip-address.ts';
import { type EngineAccount, limitToApplication } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { createTokenCheck } from './engine/access-tokens.ts';
import type { EngineError } from './engine/errors.ts';

/** An application that uses the connected accounts of a person. */
export interface ConnectionAccess {
  accountId: string;
  clientId: string;
  /** The scopes over connections, such as `connections:google.read`. */
  scopes: string[];
  /** Scopes that the token has, and that the person has withdrawn since. */
  withdrawn: string[];
}

const METHODS = 'GET,HEAD,POST,PUT,PATCH,DELETE';
/** Every header of an answer is for the application. The engine names these two as well for requests with credentials. */
const EXPOSED = ['*', 'DPoP-Nonce', 'WWW-Authenticate'];

/**
 * What application, account and grant allow at this moment: the token may be older than a change of any of them.
 * @param carried the scopes of the token
 */
export function connectionScopesLeft(
  carried: Iterable<string>,
  {
    client,
    account,
    grant,
  }: {
    client: EngineClient;
    account: Pick<EngineAccount, 'scopes'>;
    grant: { getOIDCScopeFiltered(scopes: Set<string>): string } | undefined;
  },
): Pick<ConnectionAccess, 'scopes' | 'withdrawn'> {
  const allowed = limitToApplication(client, [...carried].filter(isConnectionScope));
  const left = limitToCeiling(allowed, account.scopes);
  const scopes = parseScopes(grant?.getOIDCScopeFiltered(new Set(left)));
  return { scopes, withdrawn: left.filter((scope) => !scopes.includes(scope)) };
}

function scopesLeft({ oidc }: KoaContextWithOIDC) {
  const { AccessToken, Client, Account, Grant } = oidc.entities;
  return connectionScopesLeft(AccessToken?.scopes ?? [], {
    client: Client as unknown as EngineClient,
    account: Account as unknown as EngineAccount,
    grant: Grant,
  });
}

function refuseToken(ctx: Context, error: EngineError & { statusCode?: number }): void {
  const { statusCode: status = 400, error: code, error_description: title } = error;
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { type: 'about:blank', title, status, code };
  ctx.type = 'application/problem+json';
}

/**
 * Reads the access token of a call to the proxy of connections, as `/me` does, with one read of the database.
 * @returns undefined when it has answered: a token that is not accepted with 401 (RFC 6750 section 3), or a browser that asks
 *   before it calls
 * @throws LatchkeyError unavailable
 */
export function createConnectionAccess(
  provider: Provider,
  deps: { driver: Driver; issuer: string },
): (ctx: Context) => Promise<ConnectionAccess | undefined> {
  const check = createTokenCheck(provider, {
    // RFC 9449 section 4.2: without query and fragment.
    urlOf: ({ path }) => `${deps.issuer}${path}`,
    methods: METHODS,
    exposed: EXPOSED,
  });
  return async (ctx) => {
    const engineContext = ctx as Context & KoaContextWithOIDC;
    const unit = new UnitOfWork(deps.driver, {
      ip: addressOf(ctx.ip),
      userAgent: ctx.get('user-agent') || undefined,
      requestId: ctx.state.requestId,
    });
    return withUnit(unit, async () => {
      try {
        if (!(await check(engineContext))) return undefined;
      } catch (error) {
        if (!(error as { expose?: boolean }).expose) throw error;
        provider.emit('connection_call.error', engineContext, error as never);
        await unit.commit();
        refuseToken(ctx, error as EngineError);
        return undefined;
      }
      const { AccessToken } = engineContext.oidc.entities;
      const { accountId, clientId } = AccessToken as unknown as ConnectionAccess;
      return { accountId, clientId, ...scopesLeft(engineContext) };
    });
  };
}
