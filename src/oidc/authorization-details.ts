import { isDeepStrictEqual } from 'node:util';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { acceptAuthorizationTypes } from './engine/requests.ts';
import type { FindResource } from './resources/service.ts';

/** What an application asks to do once or in detail (RFC 9396 section 2). Its other members depend on the type. */
export interface AuthorizationDetail {
  [member: string]: unknown;
  type: string;
}

/** A code or token, as far as it knows what was allowed. */
interface Source {
  rar?: AuthorizationDetail[];
  resourceServer?: { identifier(): string };
}

/** The requests in which a user is asked in this browser, and the tokens that they lead to. */
const ROUTES = new Set(['authorization', 'pushed_authorization_request', 'token']);
const SERVICE_GRANTS = new Set([
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
]);

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
    const { route, params = {} } = ctx.oidc;
    if (!ROUTES.has(route) || SERVICE_GRANTS.has(String(params.grant_type)))
      throw new errors.InvalidAuthorizationDetails(
        'authorization_details are only for requests in which a user is asked, in a browser',
      );
    const identifiers = [(params.resource ?? []) as string | string[]].flat();
    if (!(await findOwner(type, identifiers)))
      throw new errors.InvalidAuthorizationDetails(
        'no resource that the request names has registered the type of an entry of authorization_details',
      );
  }

  return {
    feature: {
      enabled: true,
      types: {},
      // The user has just allowed them: the engine asks for consent whenever a request has authorization details.
      authorizationDetailsForGrantSource: async (ctx: KoaContextWithOIDC) =>
        readDetails(ctx.oidc.params ?? {}),
      /** Those of its resource. A token request can name some of them, but no others (section 6.1). */
      authorizationDetailsForAccessToken: async (
        ctx: KoaContextWithOIDC,
        token: Source,
        source: Source | undefined,
      ): Promise<AuthorizationDetail[]> => {
        const identifier = token.resourceServer?.identifier();
        const allowed: AuthorizationDetail[] = [];
        for (const detail of source?.rar ?? [])
          if (identifier !== undefined && (await findOwner(detail.type, [identifier]))) allowed.push(detail);
        const named = readDetails(ctx.oidc.params ?? {});
        if (!named) return allowed;
        if (named.every((one) => allowed.some((detail) => isDeepStrictEqual(one, detail)))) return named;
        throw new errors.InvalidAuthorizationDetails('authorization_details name more than was allowed');
      },
      authorizationDetailsForIntrospection: async (_ctx: KoaContextWithOIDC, token: Source) => token.rar,
    },
    accept: (provider: Provider): void => acceptAuthorizationTypes(provider, validate),
  };
}
