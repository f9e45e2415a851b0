import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { isLatchkeyScope, limitToCeiling, limitToClient, parseScopes } from '../access/scopes.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { EngineAccount } from './claims.ts';

/** What our own metadata adds to the engine's client. */
export interface EngineClient {
  clientId: string;
  clientName?: string;
  clientSecret?: string;
  clientAuthMethod: string;
  redirectUris: string[];
  allowed_scopes: string;
  require_pkce: boolean;
  is_first_party: boolean;
  display_code: boolean;
  grantTypeAllowed(type: string): boolean;
}

export const engineClient = (ctx: KoaContextWithOIDC) => ctx.oidc.client as unknown as EngineClient;

/** No token with power over Latchkey itself lives longer than an hour. */
const LATCHKEY_TOKEN_TTL = 3600;

export function accessTokenTtl(configured: number, scope: string | undefined): number {
  return parseScopes(scope).some(isLatchkeyScope) ? Math.min(configured, LATCHKEY_TOKEN_TTL) : configured;
}

/** Asked ∩ what the application may. */
function asked(client: EngineClient | undefined, scopes: string[]): string[] {
  return client
    ? limitToClient(scopes, parseScopes(client.allowed_scopes), client.grantTypeAllowed('refresh_token'))
    : scopes;
}

interface Token {
  scope?: string;
  save(): Promise<string>;
}

/**
 * The scope of a token is asked ∩ client ∩ account, decided where the engine narrows what was asked, and once
 * more when a token is made, with the application and the account as they are then.
 */
export function limitScopes(provider: Provider): void {
  // The engine knows scopes from a fixed list; here any scope that the application may ask for is one.
  Object.defineProperty(
    (provider as unknown as { OIDCContext: { prototype: object } }).OIDCContext.prototype,
    'requestParamOIDCScopes',
    {
      get(this: KoaContextWithOIDC['oidc']) {
        return new Set(
          asked(this.client as unknown as EngineClient, parseScopes(this.params?.scope as string)),
        );
      },
    },
  );

  for (const model of [provider.AccessToken, provider.ClientCredentials]) {
    const prototype = model.prototype as unknown as Token & { client?: EngineClient };
    const save = prototype.save;
    prototype.save = function () {
      const ctx = (provider.constructor as typeof Provider).ctx;
      const account = ctx?.oidc.account as unknown as EngineAccount | undefined;
      const kept = asked(this.client, parseScopes(this.scope));
      this.scope = (account ? limitToCeiling(kept, account.scopes) : kept).join(' ') || undefined;
      return save.call(this);
    };
  }

  // A grant's id is a row's id: nobody presents it.
  (provider.Grant.prototype as unknown as { generateTokenId(): string }).generateTokenId = () => uuidv7();
}

/** What of the scopes asked for in this request the account may be given: what consent speaks of. */
export function grantable(ctx: KoaContextWithOIDC): string[] {
  const account = ctx.oidc.account as unknown as EngineAccount | undefined;
  const scopes = [...ctx.oidc.requestParamOIDCScopes];
  return account ? limitToCeiling(scopes, account.scopes) : scopes;
}

/**
 * First-party applications need no consent: their grant is made, or extended, here. All others get the grant
 * that this sign-in or an earlier one in the same session led to.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC) {
  const { oidc } = ctx;
  const client = engineClient(ctx);
  const { Grant } = oidc.provider;
  const result = oidc.result as { consent?: { grantId?: string } } | undefined;
  const grantId = result?.consent?.grantId ?? oidc.session?.grantIdFor(client.clientId);
  const existing = grantId ? await Grant.find(grantId) : undefined;
  const usable = existing?.accountId === oidc.account?.accountId ? existing : undefined;
  if (!client.is_first_party || oidc.prompts.has('consent')) return usable;

  const grant = usable ?? new Grant({ accountId: oidc.account?.accountId, clientId: client.clientId });
  const known = new Set(parseScopes(grant.getOIDCScopeEncountered()));
  const missing = [...oidc.requestParamOIDCScopes].filter((scope) => !known.has(scope));
  const claims = [...oidc.requestParamClaims].filter(
    (claim) => !grant.getOIDCClaimsEncountered().includes(claim),
  );
  if (missing.length > 0) grant.addOIDCScope(missing.join(' '));
  if (claims.length > 0) grant.addOIDCClaims(claims);
  if (!usable || missing.length > 0 || claims.length > 0) await grant.save();
  return grant;
}

/**
 * A refresh token is for who was granted `offline_access`, and for first-party and public applications that
 * registered the grant type: those live as long as the session, for the person was not asked.
 */
export async function issueRefreshToken(_ctx: unknown, given: unknown, source: unknown): Promise<boolean> {
  const client = given as EngineClient;
  const offline = parseScopes((source as { scope?: string }).scope).includes('offline_access');
  const unasked = client.is_first_party || client.clientAuthMethod === 'none';
  return client.grantTypeAllowed('refresh_token') && (offline || unasked);
}
