/** The addresses of this server that applications ask for, by their names in RFC 8414 where it has one. */
export interface Endpoints extends Record<string, string> {
  issuer: string;
  discovery: string;
  authorization_endpoint: string;
  token_endpoint: string;
  userinfo_endpoint: string;
  jwks_uri: string;
  end_session_endpoint: string;
  introspection_endpoint: string;
  revocation_endpoint: string;
}

/** The paths are the engine's own (a test compares them with discovery). */
export const endpointsOf = (issuer: string): Endpoints => ({
  issuer,
  discovery: `${issuer}/.well-known/openid-configuration`,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  userinfo_endpoint: `${issuer}/me`,
  jwks_uri: `${issuer}/jwks`,
  end_session_endpoint: `${issuer}/session/end`,
  introspection_endpoint: `${issuer}/token/introspection`,
  revocation_endpoint: `${issuer}/token/revocation`,
});
