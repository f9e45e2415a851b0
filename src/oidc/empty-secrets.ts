import type { Provider } from 'oidc-provider';
import { onParameters } from './engine/requests.ts';

/** The client_id of an Authorization header that has one, and an empty secret. */
function idWithoutSecret(header: string | undefined): string | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/]+=*)$/i.exec(header ?? '') ?? [];
  const credentials = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const [, id] = /^([^:]+):$/.exec(credentials) ?? [];
  try {
    return id === undefined ? undefined : decodeURIComponent(id.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * Public clients of some libraries send HTTP Basic with an empty secret. RFC 6749 section 2.3.1 allows an empty secret to
 * be left out, so the request means the same as one with `client_id` in its body. Of a client with a secret, the engine
 * refuses it as such.
 */
export function forgiveEmptySecrets(provider: Provider): void {
  onParameters(provider, ({ ctx, params }) => {
    if (!params || !('client_secret' in params) || params.client_secret !== undefined) return;
    const id = idWithoutSecret(ctx.headers.authorization);
    if (id === undefined || (params.client_id !== undefined && params.client_id !== id)) return;
    params.client_id = id;
    delete ctx.req.headers.authorization;
  });
}
