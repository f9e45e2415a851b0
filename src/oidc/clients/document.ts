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
