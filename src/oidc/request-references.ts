import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { GuardedFetch } from '../kit/guarded-fetch.ts';
import type { EngineClient } from './clients/client-document.ts';
import { beforeRequestObject } from './engine/authorization-steps.ts';
import type { EngineDeps } from './engine-deps.ts';
import { MAX_REQUEST_LENGTH } from './request-size.ts';

/** The beginning of the addresses that this server gives to pushed requests (RFC 9126 section 2.2). */
const PUSHED = 'urn:ietf:params:oauth:request_uri:';

/** A fragment is the digest of what is at the address (OpenID Connect Core section 6.2), and is not sent. */
const withoutFragment = (uri: string) => uri.split('#', 1)[0];

/** @returns the body of the response @throws Error that says what is wrong with it */
async function readObject(fetch: GuardedFetch, uri: string): Promise<string> {
  const accept = 'application/oauth-authz-req+jwt, application/jwt';
  const response = await fetch(uri, { headers: { accept } });
  if (response.status !== 200) throw new Error(`its status is ${response.status}`);
  const object = (await response.text()).trim();
  if (object.length > MAX_REQUEST_LENGTH)
    throw new Error(`it has ${object.length} characters, of which at most ${MAX_REQUEST_LENGTH} are allowed`);
  return object;
}

/**
 * Reads the request object at a `request_uri` (OpenID Connect Core section 6.2, RFC 9101 section 5.2), and gives it to the
 * engine as the parameter `request`, which the engine verifies. Against server-side request forgery it reads only addresses
 * that are registered for the application, and those as every URL of others. With each request this server sends another, so an
 * address of a visitor may cause a limited number, and fewer for applications that nobody has checked: anyone can register one.
 */
export function readRequestsByReference(
  provider: Provider,
  { fetch, countReference }: Pick<EngineDeps, 'fetch' | 'countReference'>,
): void {
  beforeRequestObject(provider, async ({ oidc }: KoaContextWithOIDC) => {
    const { params } = oidc as { params: Record<string, string | undefined> };
    const { request_uri: uri } = params;
    const client = oidc.client as unknown as EngineClient;
    // The engine refuses two objects, and a client that must push its requests.
    if (uri === undefined || uri.startsWith(PUSHED) || params.request !== undefined) return;
    if (client.requirePushedAuthorizationRequests) return;
    const registered = client.request_uris ?? [];
    if (!registered.some((one) => withoutFragment(one) === withoutFragment(uri)))
      throw new errors.InvalidRequestUri('this request_uri is not registered for the application');
    await countReference(currentUnit().origin.ip, isVetted(client));
    try {
      params.request = await readObject(fetch, uri);
    } catch (error) {
      // What became of it is for the operator: the application could learn which addresses answer here.
      throw new errors.InvalidRequestUri('the request object cannot be read at the request_uri', {
        detail: `the request_uri cannot be read: ${(error as Error).message}`,
      });
    }
    params.request_uri = undefined;
  });
}
