import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { parseScopes } from '../access/scopes.ts';
import { limitToApplication } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';

const PKCE = 'code_challenge with code_challenge_method=S256 (PKCE, RFC 7636)';

/**
 * The engine's `pkce.required`, which it asks about requests without `code_challenge`. A code that nothing ties to the
 * browser that asked for it can be injected into another one (RFC 9700 section 4.5). An application with a secret may use
 * the OpenID Connect nonce instead of PKCE (OAuth 2.1 section 7.5.1): it compares the ID token's nonce, and no account
 * gets a second code for one nonce. Without the scope `openid`, or if the application may not have it, there is no ID token
 * to compare.
 * @throws InvalidRequest that says what to add
 */
export function requirePkce({ oidc }: KoaContextWithOIDC, client: EngineClient): false {
  const { pkce } = client;
  if (client.clientAuthMethod === 'none' || pkce === 'always')
    throw new errors.InvalidRequest(`add ${PKCE}: this application must use it`);
  if (pkce === 'off') return false;
  const { nonce, scope } = oidc.params ?? {};
  const hasIdToken = limitToApplication(client, parseScopes(scope as string | undefined)).includes('openid');
  if (nonce !== undefined && hasIdToken) return false;
  throw new errors.InvalidRequest(
    hasIdToken
      ? `add ${PKCE}, or a nonce (OpenID Connect): this request has neither`
      : `add ${PKCE}, or the scope openid and a nonce (OpenID Connect): this request has neither`,
  );
}
