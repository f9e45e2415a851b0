import { CODE_REPLAY, WORDING } from '../engine/errors.ts';
import type { Fault } from './fault-types.ts';

// The rows of docs/connect/it-does-not-connect.md, word for word: a test compares them.

/** What the token endpoint answers. */
export const TOKEN_FAULTS: Fault[] = [
  {
    answer: 'invalid_client: client authentication failed',
    whose: 'application',
    cause:
      'the secret is wrong or missing, the `client_id` is unknown, the application is disabled, or it is public and sends a secret',
    remedy:
      '`latchkey client rotate-secret CLIENT_ID`, and paste the new secret. For a public application, leave the secret empty',
  },
  {
    answer: 'invalid_request: client authentication must only be provided using one mechanism',
    whose: 'application',
    cause: 'the secret is in the header and in the body',
    remedy: 'one of them: `client_secret_basic` or `client_secret_post`',
  },
  {
    answer: 'unauthorized_client: requested grant type is not allowed for this client',
    whose: 'registration',
    cause: 'the application is not registered for this grant type',
    remedy: '`latchkey client update CLIENT_ID --grant-type …`, once for each',
  },
  {
    answer:
      'unauthorized_client: this application may not be given that requested_token_type; an operator allows it with client update --hand-out',
    whose: 'registration',
    cause:
      'the application asks for the token of a service, and nobody has allowed it the tokens of this one',
    remedy: '`latchkey client update CLIENT_ID --hand-out …`, or call the service through the proxy',
  },
  {
    answer: 'unsupported_grant_type: unsupported grant_type requested',
    whose: 'application',
    cause: 'the password grant, or one that this server does not have',
    remedy: 'the authorization code flow',
  },
  {
    answer:
      'invalid_request: only application/x-www-form-urlencoded content-type bodies are supported on POST /token',
    whose: 'application',
    cause: 'the application sends JSON',
    remedy: 'the form encoding, which OAuth requires',
  },
  {
    answer: "invalid_request: missing required parameter 'redirect_uri'",
    whose: 'application',
    cause: 'the application leaves out the redirect URI, which OAuth requires to be the one of `/auth`',
    remedy: 'the same redirect URI in both requests',
  },
  {
    answer: 'invalid_scope: none of the requested scopes is allowed for this application and account',
    whose: 'either',
    cause:
      'an application without users (client_credentials) requests only scopes that it is not registered for',
    remedy: '`latchkey client update CLIENT_ID --scope "…"`',
  },
  {
    answer:
      'invalid_authorization_details: this application may not use the type of an entry of authorization_details by itself; an operator allows it with client update --authorization-type',
    whose: 'registration',
    cause: 'a service asks for access in detail, for which no user is asked',
    remedy: '`latchkey client update CLIENT_ID --authorization-type …`, once for each type',
  },
  {
    answer: 'invalid_request: origin https://other.example not allowed for client: CLIENT_ID',
    whose: 'registration',
    cause: 'a script on an origin that is not registered. The browser reports it as a CORS error',
    remedy: 'register a redirect URI of that origin, or `--cors-origin`',
    pattern: /^invalid_request: origin .* not allowed/,
  },
];

/** The details of `invalid_grant` in the log. */
export const GRANT_FAULTS: Fault[] = [
  {
    answer: 'authorization code not found',
    whose: 'application',
    cause: 'the code belongs to another server or is older than a minute',
    remedy: 'exchange the code at once. Check the clocks of both computers',
  },
  {
    answer: CODE_REPLAY,
    whose: 'application',
    cause:
      'the code was sent twice: by a reloaded callback page, a second worker, or a library that tries both ways to send the secret. All tokens of this sign-in are revoked',
    remedy: 'exchange each code once; set `client_secret_basic` or `client_secret_post` in the application',
  },
  {
    answer: 'authorization code redirect_uri mismatch',
    whose: 'application',
    cause: 'the redirect URI is not the one of `/auth`, often behind a proxy that changes `https` to `http`',
    remedy: 'the public address in the application',
  },
  {
    answer: 'code_verifier must be provided',
    whose: 'application',
    cause:
      'the application sent a `code_challenge` to `/auth`, and no `code_verifier` to `/token`, for example because it lost its session',
    remedy: 'the session of the application: cookies, and one store for all of its processes',
  },
  {
    answer: 'code_verifier does not match code_challenge',
    whose: 'application',
    cause: '`code_verifier` belongs to another sign-in, such as one in a second tab',
    remedy: 'the session of the application: keep one `code_verifier` for each `state`',
  },
  {
    answer: 'client mismatch',
    whose: 'application',
    cause: 'the code was issued to another application',
    remedy: 'the `client_id` and secret of the same application',
  },
  {
    answer: 'refresh token not found',
    whose: 'application',
    cause: 'the refresh token is unknown, has expired, was revoked, or its session ended',
    remedy: 'send the user to sign in; request `offline_access` if it should outlive signing out',
  },
  {
    answer: WORDING.refreshTokenReplay[1],
    whose: 'application',
    cause:
      'an old refresh token was used again after its overlap (ten seconds unless it was set otherwise). All tokens of this sign-in are revoked',
    remedy:
      'store the new refresh token of each response; `--refresh-overlap` for an application that cannot',
  },
  {
    answer: 'DPoP proof JWT not provided',
    whose: 'application',
    cause: 'the application is registered with `--require-dpop`, and its request has no proof',
    remedy: 'turn on DPoP in the application, or `latchkey client update CLIENT_ID --no-require-dpop`',
  },
];

/** What userinfo answers. */
export const USERINFO_FAULTS: Fault[] = [
  {
    answer: 'invalid_token: no access token provided',
    whose: 'application',
    cause: 'the `Authorization` header is missing; some proxies remove it',
    remedy: '`Authorization: Bearer …`, and the proxy',
  },
  {
    answer: 'invalid_token: invalid token provided',
    whose: 'application',
    cause:
      'the token has expired or was revoked, has no scope `openid`, or belongs to a service without a user',
    remedy: 'the scope `openid`, and a fresh token',
  },
  {
    answer: 'invalid_request: access tokens must not be provided via query parameter',
    whose: 'application',
    cause: 'the token is in the address',
    remedy: 'send it in the `Authorization` header',
  },
];
