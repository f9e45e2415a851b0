/** How a service authenticates requests: with tokens of OAuth 2, or with a key that the person enters. */
export const AUTH_TYPES = ['oauth2', 'api_key'] as const;

/** How this server authenticates at a token endpoint (RFC 6749 section 2.3.1). */
export const CLIENT_AUTH = ['client_secret_basic', 'client_secret_post', 'none'] as const;

/** Where the identity of a connected account is read: an ID token, the userinfo endpoint, or a URL of the API. */
export const IDENTITY_SOURCES = ['id_token', 'userinfo', 'api'] as const;

/** What is particular to a service. Stored as JSON in `settings`. */
export interface ServiceSettings {
  /** Further parameters of the authorization request. */
  authorizeParams?: Record<string, string> | undefined;
  /** Unset: client_secret_basic (RFC 6749 section 2.3.1), or none where there is no secret. */
  clientAuth?: (typeof CLIENT_AUTH)[number] | undefined;
  /** For `api_key`: the header that carries the key, and a URL that answers 2xx to a valid key. */
  apiKey?: { header: string; check: { url: string } } | undefined;
  /** Paths of members are written with dots: `user.id`. */
  identity: {
    from: (typeof IDENTITY_SOURCES)[number];
    /** For `api`. */
    url?: string | undefined;
    id: string;
    email?: string | undefined;
    emailVerified?: string | undefined;
    name?: string | undefined;
    picture?: string | undefined;
  };
  /** Whether people can sign in to this server with an account there. */
  maySignIn?: boolean | undefined;
  /** What a sign-in requests, where it is not `openid email profile` as far as the service has them. */
  signIn?:
    | { scopes?: string[] | undefined; authorizeParams?: Record<string, string> | undefined }
    | undefined;
  /** How many calls a connection may make in how many seconds. */
  rateLimit?: { requests: number; seconds: number } | undefined;
  /** Methods that `.read` allows beside GET, HEAD and OPTIONS. */
  readMethods?: string[] | undefined;
  /** The reader of `sync/` that knows this service. */
  sync?: 'google' | 'motion' | undefined;
  /** The scopes of the service that `.read` and `.write` need. One of them is enough to make a call. */
  readScopes?: string[] | undefined;
  writeScopes?: string[] | undefined;
}

/** A service at which people can connect an account, as requests use it. */
export interface Service {
  /** Its name in paths and scopes, such as `google`. */
  name: string;
  displayName: string;
  authType: (typeof AUTH_TYPES)[number];
  issuer?: string | undefined;
  clientId?: string | undefined;
  /** Opened. Never printed, logged or stored. */
  clientSecret?: string | undefined;
  scopes: string[];
  authUrl?: string | undefined;
  tokenUrl?: string | undefined;
  revokeUrl?: string | undefined;
  userinfoUrl?: string | undefined;
  /** The only URLs below which a credential is sent. */
  apiBaseUrls: string[];
  settings: ServiceSettings;
  isActive: boolean;
}

/** A name in paths, scopes and commands. */
export const SERVICE_NAME = /^[a-z][a-z0-9-]{0,63}$/;

/** Where a service sends the browser back to: what is registered there as the redirect URI. */
export const redirectUriOf = (issuer: string, name: string) => `${issuer}/connections/${name}/callback`;
