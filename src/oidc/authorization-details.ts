import { isDeepStrictEqual } from 'node:util';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { AuthorizationDetail } from '../access/authorization-detail-descriptions.ts';
import { JWT_BEARER } from '../access/grant-type-names.ts';
import type { EngineClient } from './clients/client-document.ts';
import { acceptAuthorizationTypes } from './engine/requests.ts';
import { MAX_REQUEST_LENGTH } from './request-size.ts';
import type { FindResource } from './resources/service.ts';

/** A code or token, as far as it knows what was allowed. */
interface Source {
  rar?: AuthorizationDetail[];
  resourceServer?: { identifier(): string };
}

type Params = KoaContextWithOIDC['oidc']['params'];

/** Whether the request is for a token that a service gets for itself. */
const isForService = (params: Params) => params?.grant_type === 'client_credentials';

/** Whether the client may use the type at all (RFC 9396 section 10). Where no user is asked, an operator has to name it. */
function mayUse(client: EngineClient, type: string, params: Params): boolean {
  const { allowed_details_types: allowed } = client;
  return allowed ? allowed.includes(type) : !isForService(params);
}

/** @returns the details of an authorization request; undefined if it has none */
export const readAuthorizationDetails = (params: {
  authorization_details?: unknown;
}): AuthorizationDetail[] | undefined =>
  typeof params.authorization_details === 'string' ? JSON.parse(params.authorization_details) : undefined;

/**
 * Rich authorization requests (RFC 9396). A type belongs to a resource, which the request names in `resource`. The user is
 * asked in every request that has details, also by first-party applications, and nothing of them is remembered. Requests for
 * which nobody is asked, those with client_credentials, can have the types that an operator has named for the client.
 */
export function createAuthorizationDetails({ findResource }: { findResource: FindResource }) {
  /** The resource that has registered the type, among those. */
  async function findOwner(type: string, identifiers: string[]) {
    for (const identifier of identifiers) {
      const resource = await findResource(identifier);
      if (resource && Object.hasOwn(resource.authorizationTypes, type)) return resource;
    }
    return undefined;
  }

  /** @throws InvalidAuthorizationDetails for a type that the client may not use here, or that no resource of the request has */
  async function validate(ctx: KoaContextWithOIDC, { type }: AuthorizationDetail): Promise<void> {
    const { params = {} } = ctx.oidc;
    if (params.grant_type === JWT_BEARER)
      throw new errors.InvalidAuthorizationDetails(
        'authorization_details are not for identity assertions: no user is asked',
      );
    // Authorization requests are limited as a whole. What is nested some thousand times would end in a stack overflow.
    if (String(params.authorization_details).length > MAX_REQUEST_LENGTH)
      throw new errors.InvalidAuthorizationDetails(
        `authorization_details have at most ${MAX_REQUEST_LENGTH} characters`,
      );
    if (!mayUse(ctx.oidc.client as unknown as EngineClient, type, params))
      throw new errors.InvalidAuthorizationDetails(
        isForService(params)
          ? 'this application may not use the type of an entry of authorization_details by itself; an operator allows it with client update --authorization-type'
          : 'this application may not use the type of an entry of authorization_details',
      );
    const identifiers = [(params.resource ?? []) as string | string[]].flat();
    if (!(await findOwner(type, identifiers)))
      throw new errors.InvalidAuthorizationDetails(
        'no resource that the request names has registered the type of an entry of authorization_details',
      );
  }

  /**
   * Those of a resource, of what was allowed, as far as the client may still use them. A token request can name some of them,
   * but no others (section 6.1).
   * @throws InvalidAuthorizationDetails
   */
  async function narrow(
    ctx: KoaContextWithOIDC,
    identifier: string | undefined,
    granted: AuthorizationDetail[] = [],
  ): Promise<AuthorizationDetail[]> {
    const { params } = ctx.oidc;
    const client = ctx.oidc.client as unknown as EngineClient;
    const allowed: AuthorizationDetail[] = [];
    for (const detail of granted) {
      if (identifier === undefined || !mayUse(client, detail.type, params)) continue;
      if (await findOwner(detail.type, [identifier])) allowed.push(detail);
    }
    const named = readAuthorizationDetails(params ?? {});
    if (!named) return allowed;
    // Each that was allowed counts once: an API may carry out every entry of a token.
    for (const one of named) {
      const place = allowed.findIndex((detail) => isDeepStrictEqual(one, detail));
      if (place < 0)
        throw new errors.InvalidAuthorizationDetails('authorization_details name more than was allowed');
      allowed.splice(place, 1);
    }
    return named;
  }

  return {
    feature: {
      enabled: true,
      types: {},
      // The user has just allowed them: the engine asks for consent whenever a request has authorization details.
      authorizationDetailsForGrantSource: async (ctx: KoaContextWithOIDC) =>
        readAuthorizationDetails(ctx.oidc.params ?? {}),
      authorizationDetailsForAccessToken: (
        ctx: KoaContextWithOIDC,
        token: Source,
        source: Source | undefined,
      ): Promise<AuthorizationDetail[]> => {
        const { params } = ctx.oidc;
        // A service has no code or grant: what it asks for was validated by what its operator allows.
        const granted = isForService(params) ? readAuthorizationDetails(params ?? {}) : source?.rar;
        return narrow(ctx, token.resourceServer?.identifier(), granted);
      },
      authorizationDetailsForIntrospection: async (_ctx: KoaContextWithOIDC, token: Source) => token.rar,
    },
    narrow,
    accept: (provider: Provider): void => acceptAuthorizationTypes(provider, validate),
  };
}

export type NarrowDetails = ReturnType<typeof createAuthorizationDetails>['narrow'];
