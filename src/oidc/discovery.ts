import type { Middleware } from 'koa';
import type { Config } from '../config/settings.ts';
import { findRoute } from '../web/routes.ts';
import { describeMutualTls } from './client-authentication/mutual-tls-metadata.ts';

const FRESH_MS = 10_000;
const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

/**
 * Adds the scopes of applications to the discovery document, the types of authorization details (RFC 9396 section 10), what the server has of mutual TLS, and the resources whose metadata we publish (RFC 9728 section 4).
 * @param deps `listScopes`: every scope that an application may request, without wildcards
 */
export function completeDiscovery(deps: {
  listScopes(): Promise<string[]>;
  listResources(): Promise<string[]>;
  listAuthorizationTypes(): Promise<string[]>;
  config: Pick<Config, 'clientCertificates' | 'mtlsUrl' | 'registration'>;
}): Middleware {
  let known:
    | { readAt: number; lists: Promise<[scopes: string[], resources: string[], types: string[]]> }
    | undefined;

  function readLists() {
    if (known && Date.now() - known.readAt < FRESH_MS) return known.lists;
    const lists = Promise.all([deps.listScopes(), deps.listResources(), deps.listAuthorizationTypes()]);
    known = { readAt: Date.now(), lists };
    lists.catch(() => {
      known = undefined;
    });
    return lists;
  }

  return async (ctx, next) => {
    await next();
    if (ctx.status !== 200 || !PATHS.includes(findRoute(ctx.path)?.path ?? '')) return;
    const { registration_endpoint, ...body } = ctx.body as {
      scopes_supported: string[];
      registration_endpoint?: string;
    };
    const [listed, resources, types] = await readLists();
    const scopes = [...new Set([...body.scopes_supported, ...listed])];
    const protected_resources = resources.length > 0 ? resources : undefined;
    const registration = deps.config.registration.mode === 'closed' ? {} : { registration_endpoint };
    const completed = {
      ...body,
      ...registration,
      scopes_supported: scopes,
      protected_resources,
      // The engine reads none. `request-references.ts` does.
      request_uri_parameter_supported: true,
      require_request_uri_registration: true,
      // The engine says that it takes one. Our page needs none (oidc/ciba/).
      backchannel_user_code_parameter_supported: false,
      authorization_details_types_supported: types.length > 0 ? types : undefined,
    };
    ctx.body = describeMutualTls(completed, deps.config);
  };
}
