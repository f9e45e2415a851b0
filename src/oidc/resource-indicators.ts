import { type Client, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { Secrets } from '../kit/secrets.ts';
import { limitToApplication } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { FAPI_ALGS } from './clients/fapi.ts';
import { beforeCodeUse } from './engine/requests.ts';
import { DEFAULT_JWT_TTL_SECONDS } from './fixed-lifetimes.ts';
import { mayUseResource } from './resource-access.ts';
import { MAX_JWT_TTL_SECONDS } from './resources/input.ts';
import type { FindResource } from './resources/service.ts';
import { sealAccount } from './sealed-account.ts';
import { findStoredAccount } from './storage/accounts.ts';

/** What a code or refresh token remembers of its sign-in. */
interface SignInFacts {
  authTime?: number;
  acr?: string;
  amr?: string[];
}

/** A code or refresh token, as far as it says what it may be exchanged for. */
interface GrantSource {
  /** The resources that the sign-in was for. */
  resource?: string | string[];
  accountId?: string;
}

/** A token that is being issued. */
interface IssuedToken {
  aud?: unknown;
  accountId?: string;
  resourceServer?: { accessTokenFormat?: string };
  /** What a grant type of ours has set. */
  extra?: object;
}

/** How the user signed in, for a token of a resource. */
function signInFactsOf({ entities }: KoaContextWithOIDC['oidc'], token: IssuedToken) {
  if (token.aud === undefined) return undefined;
  const { RefreshToken, AuthorizationCode, DeviceCode, BackchannelAuthenticationRequest } = entities;
  const source = (RefreshToken ?? AuthorizationCode ?? DeviceCode ?? BackchannelAuthenticationRequest) as
    | SignInFacts
    | undefined;
  return source && { auth_time: source.authTime, acr: source.acr, amr: source.amr };
}

const REFUSED = 'the resource is unknown or disabled, or serves no scope of this application';

/**
 * Resource indicators (RFC 8707) for the engine.
 * @param deps `ttl.accessToken`: seconds, of tokens without a lifetime of their own
 */
export function createResourceIndicators(deps: {
  findResource: FindResource;
  secrets: Pick<Secrets, 'seal'>;
  ttl: { accessToken: number };
}) {
  /**
   * @returns the scopes that both the resource serves and the application may have
   * @throws InvalidTarget in the same words whatever the reason, so that nobody learns which resources exist
   */
  async function getResourceServerInfo(_ctx: unknown, identifier: string, client: EngineClient) {
    const resource = await deps.findResource(identifier);
    const scopes = resource ? limitToApplication(client, resource.scopes) : [];
    if (!resource || scopes.length === 0) throw new errors.InvalidTarget(REFUSED);
    const { format, alg, ttl } = resource;
    const jwtTtl = Math.min(
      ttl ?? Math.min(DEFAULT_JWT_TTL_SECONDS, deps.ttl.accessToken),
      MAX_JWT_TTL_SECONDS,
    );
    return {
      scope: scopes.join(' '),
      accessTokenFormat: format,
      accessTokenTTL: format === 'jwt' ? jwtTtl : ttl,
      jwt: { sign: { alg: client.fapi && !FAPI_ALGS.includes(alg) ? 'ES256' : alg } },
    };
  }

  /**
   * Checks `resource` before a code or refresh token is used up. The engine checks it afterwards, and one wrong parameter
   * would cost the application its code or token.
   * @throws InvalidTarget
   */
  async function checkNamed(
    { oidc }: KoaContextWithOIDC,
    { resource, accountId }: GrantSource,
  ): Promise<void> {
    const granted = [resource ?? []].flat();
    const asked = oidc.params?.resource as string | string[] | undefined;
    const named = asked === undefined ? granted : [asked].flat();
    const [identifier] = named;
    if (identifier === undefined || accountId === undefined) return;
    if (named.length > 1) throw new errors.InvalidTarget('name one of the resources that were allowed');
    if (!granted.includes(identifier))
      throw new errors.InvalidTarget('the resource was not part of the authorization request');
    const client = oidc.client as unknown as EngineClient;
    const { scope } = await getResourceServerInfo(undefined, identifier, client);
    const account = await findStoredAccount(accountId);
    if (account && !mayUseResource(scope.split(' '), account))
      throw new errors.InvalidTarget('this account may use none of the scopes of the resource');
  }

  return {
    feature: {
      enabled: true,
      getResourceServerInfo,
      // No resource unless the request names one. Of several that were allowed, a token request must name the one it wants.
      defaultResource: async (_ctx: unknown, _client: unknown, allowed?: string[]) => allowed,
      // A sign-in for a resource gives tokens for that resource, also where the token request does not repeat it.
      useGrantedResource: async () => true,
    },

    /** The engine's `extraTokenClaims`: RFC 9068 section 2.2.1. Tokens without a resource have none. */
    async extraTokenClaims({ oidc }: KoaContextWithOIDC, token: IssuedToken) {
      const facts = token.extra ?? signInFactsOf(oidc, token);
      const { subjectType, clientId } = oidc.client as Client;
      const { accountId, resourceServer } = token;
      if (subjectType !== 'pairwise' || !accountId || resourceServer?.accessTokenFormat !== 'jwt')
        return facts;
      return { ...facts, ...sealAccount(deps.secrets, clientId, accountId) };
    },

    checkRefresh: (ctx: KoaContextWithOIDC): Promise<void> =>
      checkNamed(ctx, (ctx.oidc.entities.RefreshToken ?? {}) as GrantSource),

    /** Lets `provider` check the resource of codes as well. */
    checkBeforeUse: (provider: Provider): void => beforeCodeUse(provider, checkNamed),
  };
}
