import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { loadOAuthClient, toConfiguration } from '../services/oauth-client.ts';
import { redirectUriOf, type Service } from '../services/service-config.ts';
import { readTokenAnswer } from '../services/token-answer.ts';
import type { UpstreamIdentity } from '../vault/connection-store.ts';
import type { UpstreamTokens } from '../vault/credential-store.ts';
import { faultOfResponse, toFault, UpstreamFault } from './faults.ts';
import { readGrant } from './grant.ts';
import { readIdentity } from './identity.ts';
import type { UpstreamVisit } from './states.ts';

/** What a person has brought back. */
export interface UpstreamGrant {
  identity: UpstreamIdentity;
  tokens: UpstreamTokens;
}

const MAX_KEY_LENGTH = 4096;
/** Visible ASCII, so that it fits into a header. */
const API_KEY = /^[\x21-\x7e]+$/;

/**
 * What this server sends to a service on its own account. Every request goes through the guarded fetch, so to the public
 * internet, without following redirects, and for some seconds at most.
 */
export function createUpstream(deps: { issuer: string; fetch: GuardedFetch; allowPrivate: boolean }) {
  const { issuer, fetch, allowPrivate } = deps;

  const configure = (service: Service) => toConfiguration(service, { fetch, allowPrivate });

  /** @throws UpstreamFault */
  async function readJson(url: string, headers: Record<string, string>): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(url, { headers: { accept: 'application/json', ...headers } });
    } catch (error) {
      throw toFault(error);
    }
    if (response.status === 429) throw new UpstreamFault('upstream_busy');
    if (response.status === 401 || response.status === 403) throw new UpstreamFault('api_key_refused');
    if (response.status >= 500) throw new UpstreamFault('upstream_unreachable');
    if (!response.ok) throw new UpstreamFault('upstream_answer_invalid');
    return response.json().catch((cause) => {
      throw new UpstreamFault('upstream_answer_invalid', { cause });
    });
  }

  /** Finds whose account it is, with tokens that were just issued. @param claims of the ID token */
  async function findIdentity(
    service: Service,
    tokens: UpstreamTokens,
    claims: Record<string, unknown> | undefined,
  ): Promise<UpstreamIdentity> {
    const { from, url = service.userinfoUrl } = service.settings.identity;
    if (from === 'id_token') return readIdentity(service, claims);
    const target = from === 'userinfo' ? service.userinfoUrl : url;
    if (target === undefined) throw new UpstreamFault('upstream_answer_invalid');
    const answer = await readJson(target, { authorization: `Bearer ${tokens.accessToken}` }).catch(
      (error) => {
        const isRefused = error instanceof UpstreamFault && error.code === 'api_key_refused';
        throw isRefused ? new UpstreamFault('upstream_refused', { cause: error }) : error;
      },
    );
    // OpenID Connect Core section 5.3.2: otherwise the answer could be about somebody else.
    if (from === 'userinfo' && claims && (answer as { sub?: unknown } | null)?.sub !== claims.sub)
      throw new UpstreamFault('upstream_answer_invalid');
    return readIdentity(service, answer);
  }

  return {
    /**
     * The authorization request, with PKCE S256, state and, for OpenID Connect, nonce.
     */
    async authorizationUrl(
      service: Service,
      visit: Pick<UpstreamVisit, 'verifier' | 'nonce'> & { state: string },
    ): Promise<string> {
      const oidc = await loadOAuthClient();
      const { state, nonce, verifier } = visit;
      const { scopes, settings } = service;
      return oidc.buildAuthorizationUrl(await configure(service), {
        ...settings.authorizeParams,
        redirect_uri: redirectUriOf(issuer, service.name),
        ...(scopes.length > 0 && { scope: scopes.join(' ') }),
        state,
        ...(scopes.includes('openid') && { nonce }),
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }).href;
    },

    /**
     * Redeems the code of an authorization response.
     * @param response its parameters; `iss` must be that of the service (RFC 9207)
     * @throws UpstreamFault
     */
    async redeem(
      service: Service,
      visit: Pick<UpstreamVisit, 'verifier' | 'nonce'> & { state: string },
      response: URLSearchParams,
    ): Promise<UpstreamGrant> {
      const error = response.get('error');
      const url = new URL(redirectUriOf(issuer, service.name));
      url.search = String(response);
      // Nobody knows the issuer of this service. Its redirect URI is its own, so another server cannot take its place.
      if (service.issuer === undefined) url.searchParams.delete('iss');
      const oidc = await loadOAuthClient();
      try {
        const answer = await oidc.authorizationCodeGrant(await configure(service), url, {
          pkceCodeVerifier: visit.verifier,
          expectedState: visit.state,
          ...(service.scopes.includes('openid') && { expectedNonce: visit.nonce, idTokenExpected: true }),
        });
        const granted = readGrant(service.scopes, answer.scope);
        const tokens = readTokenAnswer({ ...answer, scope: granted });
        return { tokens, identity: await findIdentity(service, tokens, answer.claims()) };
      } catch (cause) {
        if ((cause as Error).name === 'AuthorizationResponseError') throw faultOfResponse(error);
        throw toFault(cause);
      }
    },

    /** Asks the service whether a key is valid, and whose it is. @throws UpstreamFault */
    async checkKey(service: Service, apiKey: string): Promise<UpstreamGrant> {
      const { apiKey: rule, identity } = service.settings;
      if (!rule || !API_KEY.test(apiKey) || apiKey.length > MAX_KEY_LENGTH)
        throw new UpstreamFault('api_key_refused');
      const headers = { [rule.header]: apiKey };
      const checked = await readJson(rule.check.url, headers);
      const url = identity.url ?? rule.check.url;
      const answer = url === rule.check.url ? checked : await readJson(url, headers);
      return {
        identity: readIdentity(service, answer),
        tokens: { accessToken: apiKey, tokenType: 'api_key' },
      };
    },

    /** RFC 7009. @throws UpstreamFault when the service did not accept it */
    async revoke(service: Service, token: string): Promise<void> {
      const oidc = await loadOAuthClient();
      await oidc.tokenRevocation(await configure(service), token).catch((error) => {
        throw toFault(error);
      });
    },
  };
}

export type Upstream = ReturnType<typeof createUpstream>;
