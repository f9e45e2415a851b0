import type Router from '@koa/router';
import type { Resource } from './store.ts';

const PATH = '/.well-known/oauth-protected-resource';

/** Where the metadata of a resource is, for the header `WWW-Authenticate` of the API. @param id of its row */
export const metadataUrl = (issuer: string, id: string) => `${issuer}${PATH}/${id}`;

/**
 * Publishes the metadata (RFC 9728 section 2) of the resources that ask for it. An application reads it after the API has
 * named its address in `WWW-Authenticate` (section 5.1), and then knows from which server to get a token.
 */
export function createResourceMetadata(
  router: Router,
  deps: { issuer: string; resources: { findHosted(id: string): Promise<Resource | undefined> } },
): void {
  router.get(`${PATH}/:id`, async (ctx) => {
    const resource = await deps.resources.findHosted(String(ctx.params.id));
    if (!resource) return;
    ctx.set('Cache-Control', 'public, max-age=300');
    // Applications in browsers read it, too. It contains nothing that depends on the reader.
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.body = {
      resource: resource.identifier,
      authorization_servers: [deps.issuer],
      scopes_supported: resource.scopes,
      bearer_methods_supported: ['header'],
      resource_name: resource.name,
    };
  });
}
