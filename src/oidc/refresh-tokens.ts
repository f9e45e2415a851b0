import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { parseScopes } from '../access/scopes.ts';
import type { EngineClient } from './clients/client-document.ts';
import { isImplicit } from './clients/response-types.ts';

/** Lifetimes in seconds (LATCHKEY_REFRESH_TOKEN_TTL and LATCHKEY_REFRESH_TOKEN_MAX_TTL, with defaults in `config/settings.ts`). */
export interface RefreshTokenTtl {
  /** After it was issued. Each refresh issues a new token with this lifetime. */
  refreshToken: number;
  /** Since the sign-in, however often the token is used. An application can have another one. */
  refreshTokenMax: number;
}

type ClientTtl = Pick<EngineClient, 'refresh_token_max_ttl' | 'fapi'>;

const now = () => Math.floor(Date.now() / 1000);

/** @returns the maximum life of the application's refresh tokens, in seconds since the sign-in */
export const maximumLife = (ttl: RefreshTokenTtl, client: ClientTtl): number =>
  client.refresh_token_max_ttl ?? ttl.refreshTokenMax;

/**
 * Whether refresh tokens are issued to an application: it registered the grant type, and was granted `offline_access`,
 * or is first-party or public. The latter two may omit the scope; their refresh token then ends with the session, since
 * the user was not asked about offline access.
 */
export function mayRefresh(client: EngineClient, scopes: string[]): boolean {
  if (!client.grantTypeAllowed('refresh_token')) return false;
  return scopes.includes('offline_access') || client.is_first_party || client.clientAuthMethod === 'none';
}

/**
 * The engine's `expiresWithSession`. The tokens of a device that may refresh them outlive the session of the browser in which the
 * user allowed the device: that browser runs on another device, and our page says so.
 */
export const expiresWithSession = async (
  { oidc }: KoaContextWithOIDC,
  source: { kind: string; scopes: Set<string> },
): Promise<boolean> => {
  const scopes = [...source.scopes];
  const isLasting =
    source.kind === 'DeviceCode' && mayRefresh(oidc.client as unknown as EngineClient, scopes);
  return !isLasting && !scopes.includes('offline_access');
};

/** A code or token of a sign-in. The engine passes these members on to each token that follows. */
interface FromSignIn {
  /** When the user signed in. */
  authTime?: number;
  /** When the first token of the family was issued. */
  iiat?: number;
  scope?: string;
}

/**
 * The rules of refresh tokens for the engine. Rotation never extends a family beyond the maximum, which is counted from
 * the sign-in: whoever holds a token, rightfully or not, then needs a person to sign in again.
 */
export function createRefreshTokenRules(ttl: RefreshTokenTtl) {
  const remaining = ({ authTime, iiat }: FromSignIn, client: ClientTtl) =>
    (authTime ?? iiat ?? now()) + maximumLife(ttl, client) - now();

  return {
    /** The engine's `ttl.RefreshToken`. Tokens of FAPI applications are never rotated, so each lasts until the maximum. @returns seconds; at least 1, the least that the engine accepts */
    ttl: (_ctx: unknown, token: FromSignIn, client: ClientTtl): number =>
      Math.max(
        1,
        client.fapi ? remaining(token, client) : Math.min(ttl.refreshToken, remaining(token, client)),
      ),

    /** The engine's `issueRefreshToken`. */
    issue: async (_ctx: unknown, client: EngineClient, source: FromSignIn): Promise<boolean> =>
      mayRefresh(client, parseScopes(source.scope)) && remaining(source, client) > 0,

    /**
     * The engine's `rotateRefreshToken`, which it calls before it marks the presented token as used. The maximum may be
     * shorter now than it was when that token was issued.
     * @returns false for the FAPI 2.0 profile (section 5.3.2.1): its tokens are bound to a key, and a client that misses the
     *   response could not try again
     * @throws InvalidGrant when the family has reached its maximum
     */
    rotate({ oidc }: KoaContextWithOIDC): boolean {
      const token = oidc.entities.RefreshToken as FromSignIn | undefined;
      const client = oidc.client as unknown as ClientTtl;
      if (token && remaining(token, client) <= 0) throw new errors.InvalidGrant('refresh token is expired');
      return !client.fapi;
    },

    /** Whether the sign-in is so old that a refresh token of this request would have expired already. */
    isSignInTooOld({ oidc }: KoaContextWithOIDC): boolean {
      const client = oidc.client as unknown as EngineClient;
      const authTime = oidc.session?.loginTs;
      if (isImplicit(oidc.params?.response_type)) return false;
      if (authTime === undefined || !mayRefresh(client, [...oidc.requestParamOIDCScopes])) return false;
      return remaining({ authTime }, client) <= 0;
    },
  };
}

export type RefreshTokenRules = ReturnType<typeof createRefreshTokenRules>;
