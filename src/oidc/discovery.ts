import type { Middleware } from 'koa';
import type { Config } from '../config/settings.ts';
import { findRoute } from '../web/routes.ts';
import { describeMutualTls } from './client-authentication/mutual-tls-metadata.ts';

const FRESH_MS = 10_000;
const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

/**
 * Adds the scopes of applications to the discovery document, and what the server has of mutual TLS.
 * @param listScopes every scope that an application may request, without wildcards
 */
export function completeDiscovery(
  listScopes: () => Promise<string[]>,
  config: Pick<Config, 'clientCertificates' | 'mtlsUrl'>,
): Middleware {
  let known: { readAt: number; scopes: Promise<string[]> } | undefined;

  function readScopes(): Promise<string[]> {
    if (known && Date.now() - known.readAt < FRESH_MS) return known.scopes;
    const scopes = listScopes();
    known = { readAt: Date.now(), scopes };
    scopes.catch(() => {
      known = undefined;
    });
    return scopes;
  }

  return async (ctx, next) => {
    await next();
    if (ctx.status !== 200 || !PATHS.includes(findRoute(ctx.path)?.path ?? '')) return;
    const body = ctx.body as { scopes_supported: string[] };
    const scopes = new Set([...body.scopes_supported, ...(await readScopes())]);
    ctx.body = describeMutualTls({ ...body, scopes_supported: [...scopes] }, config);
  };
}
