import type { Provider } from 'oidc-provider';
import { issuerScope } from '../web/issuer-scope.ts';

/** Every URL is the issuer's, whatever the request's Host and X-Forwarded-Proto headers claim. */
export function pinIssuer(provider: Provider, issuer: string): void {
  const { host, protocol } = new URL(issuer);
  const pinned = { host, protocol: protocol.slice(0, -1), secure: protocol === 'https:' };
  // Before the paths of the engine's endpoints in its URLs, and of our redirects.
  Object.assign((provider as unknown as { context: object }).context, {
    mountPath: issuerScope(issuer).base,
  });
  for (const [name, value] of Object.entries(pinned)) {
    Object.defineProperty((provider as unknown as { request: object }).request, name, { get: () => value });
  }
}
