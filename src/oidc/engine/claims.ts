import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

interface ClaimsMask<Client> {
  available: Record<string, unknown>;
  client: Client;
  ctx?: KoaContextWithOIDC;
  scope(value?: string): unknown;
  result(): Promise<Record<string, unknown>>;
}

/**
 * The engine makes a `Claims` for each ID token and userinfo response, and for other tokens that it signs, to pick what was
 * granted of the account's claims.
 * @param change `scopes` returns those of the granted scopes whose claims are released; `claims` returns the claims to
 *   release. It gets those that the engine would release, and the granted scopes
 */
export function changeReleasedClaims<Client>(
  provider: Provider,
  change: {
    scopes(client: Client, granted: string[], ctx: KoaContextWithOIDC | undefined): string[];
    claims(from: {
      client: Client;
      released: Record<string, unknown>;
      available: Record<string, unknown>;
      scopes: Set<string>;
      ctx: KoaContextWithOIDC | undefined;
    }): Record<string, unknown>;
  },
): void {
  const { prototype } = (provider as unknown as { Claims: { prototype: ClaimsMask<Client> } }).Claims;
  const { scope, result } = prototype;
  const granted = new WeakMap<object, Set<string>>();
  prototype.scope = function (value = '') {
    const scopes = value.split(' ');
    granted.set(this, new Set(scopes));
    return scope.call(this, change.scopes(this.client, scopes, this.ctx).join(' '));
  };
  prototype.result = async function () {
    const { client, available, ctx } = this;
    const scopes = granted.get(this) ?? new Set<string>();
    return change.claims({
      client,
      released: await result.call(this),
      available,
      scopes,
      ctx,
    });
  };
}
