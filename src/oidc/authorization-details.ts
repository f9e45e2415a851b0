import { isDeepStrictEqual } from 'node:util';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { AuthorizationDetail } from '../access/authorization-details.ts';
import { acceptAuthorizationTypes } from './engine/requests.ts';
import type { FindResource } from './resources/service.ts';

/** A code or token, as far as it knows what was allowed. */
interface Source {
  rar?: AuthorizationDetail[];
  resourceServer?: { identifier(): string };
}

/** Grants of tokens about which no user is asked. */
const SERVICE_GRANTS = new Set(['client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer']);

/** @returns the details of an authorization request; undefined if it has none */
export const readDetails = (params: {
  authorization_details?: unknown;
}): AuthorizationDetail[] | undefined =>
  typeof params.authorization_details === 'string' ? JSON.parse(params.authorization_details) : undefined;

/**
 * Rich authorization requests (RFC 9396). A type belongs to a resource, which the request names in `resource`. The user is
 * asked in every request that has details, also by first-party applications, and nothing of them is remembered.
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

  /** @throws InvalidAuthorizationDetails for a type that no resource of the request has, and where no user is asked */
  async function validate(ctx: KoaContextWithOIDC, { type }: AuthorizationDetail): Promise<void> {
    const { params = {} } = ctx.oidc;
    if (SERVICE_GRANTS.has(String(params.grant_type)))
      throw new errors.InvalidAuthorizationDetails(
        'authorization_details are only for requests in which a user is asked',
      );
    const identifiers = [(params.resource ?? []) as string | string[]].flat();
    if (!(await findOwner(type, identifiers)))
      throw new errors.InvalidAuthorizationDetails(
        'no resource that the request names has registered the type of an entry of authorization_details',
      );
  }

  /**
   * Those of a resource, of what was allowed. A token request can name some of them, but no others (section 6.1).
   * @throws InvalidAuthorizationDetails
   */
  async function narrow(
    ctx: KoaContextWithOIDC,
    identifier: string | undefined,
    granted: AuthorizationDetail[] = [],
  ): Promise<AuthorizationDetail[]> {
    const allowed: AuthorizationDetail[] = [];
    for (const detail of granted)
      if (identifier !== undefined && (await findOwner(detail.type, [identifier]))) allowed.push(detail);
    const named = readDetails(ctx.oidc.params ?? {});
    if (!named) return allowed;
    if (named.every((one) => allowed.some((detail) => isDeepStrictEqual(one, detail)))) return named;
    throw new errors.InvalidAuthorizationDetails('authorization_details name more than was allowed');
  }

  return {
    feature: {
      enabled: true,
      types: {},
      // The user has just allowed them: the engine asks for consent whenever a request has authorization details.
      authorizationDetailsForGrantSource: async (ctx: KoaContextWithOIDC) =>
        readDetails(ctx.oidc.params ?? {}),
      authorizationDetailsForAccessToken: (
        ctx: KoaContextWithOIDC,
        token: Source,
        source: Source | undefined,
      ): Promise<AuthorizationDetail[]> => narrow(ctx, token.resourceServer?.identifier(), source?.rar),
      authorizationDetailsForIntrospection: async (_ctx: KoaContextWithOIDC, token: Source) => token.rar,
    },
    narrow,
    accept: (provider: Provider): void => acceptAuthorizationTypes(provider, validate),
  };
}

export type NarrowDetails = ReturnType<typeof createAuthorizationDetails>['narrow'];
