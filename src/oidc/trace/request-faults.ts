import type { Fault } from './fault-types.ts';

// The rows of docs/connect/it-does-not-connect.md, word for word: a test compares them.

/** What a page of Latchkey says. */
export const PAGE_FAULTS: Fault[] = [
  {
    answer: 'This application is not registered here',
    whose: 'either',
    cause: 'the `client_id` is unknown, or the application is disabled',
    remedy: 'copy it from `latchkey client list`, or `latchkey client enable CLIENT_ID`',
    pattern: /^invalid_client: client is invalid/,
  },
  {
    answer: 'This application sent you here with an address that is not registered',
    whose: 'either',
    cause:
      'the redirect URI is not exactly the registered one: compare `http` and `https`, the host, the port and the last slash',
    remedy: '`latchkey client update CLIENT_ID --redirect-uri …` with the `redirect_uri` of the address bar',
    pattern: /^invalid_redirect_uri/,
  },
  {
    answer: "invalid_request, missing required parameter 'redirect_uri'",
    whose: 'application',
    cause: 'the application sends none, even though it has only one',
    remedy: "the application's redirect or callback URL",
    pattern: /^invalid_request: missing required parameter 'redirect_uri'$/,
  },
  {
    answer: 'That username and password do not match. Check both and try again.',
    whose: 'sign_in',
    cause:
      'the password is wrong or locked, or no account that is active has that username or confirmed address',
    remedy: '`latchkey trace` says which',
  },
  {
    answer: 'This sign-in has ended',
    whose: 'user',
    cause: 'it was completed already, the page was open for too long, or its cookies are missing',
    remedy:
      'start again in the application. If it happens each time, allow cookies, and use one address for the server: `LATCHKEY_ISSUER`',
    pattern: /^invalid_request: (authorization request has expired|interaction session)/,
  },
  {
    answer: 'The application sent a state of 2100 characters. At most 2048 are allowed.',
    whose: 'application',
    cause: 'the application puts its own data into `state`',
    remedy: "keep the data in the application's session",
    pattern: /a state of \d+ characters/,
  },
];

/** Why a username and a password do not match. Only the log, the audit log and the trace say it. */
export const SIGN_IN_FAULTS: Fault[] = [
  {
    answer: 'wrong_password',
    whose: 'sign_in',
    cause: 'the password is wrong',
    remedy: 'try again, or reset it at `/forgot`',
  },
  {
    answer: 'unknown_account',
    whose: 'sign_in',
    cause: 'no account with a password has that username or confirmed address',
    remedy: '`latchkey account list` shows the usernames. People without a password sign in with a passkey',
  },
  {
    answer: 'password_locked',
    whose: 'sign_in',
    cause: 'the password is locked after too many failed attempts in a row',
    remedy: 'wait 15 minutes, or reset it at `/forgot`. `latchkey db report locked` lists locked accounts',
  },
  {
    answer: 'disabled_account',
    whose: 'sign_in',
    cause: 'the account is disabled',
    remedy: '`latchkey account enable USERNAME`',
  },
];

/** What the application gets instead of a code. */
export const REQUEST_FAULTS: Fault[] = [
  {
    answer:
      'invalid_request: add code_challenge with code_challenge_method=S256 (PKCE, RFC 7636), or a nonce (OpenID Connect): this request has neither',
    whose: 'application',
    cause: 'OAuth without PKCE and without a nonce',
    remedy:
      'turn on PKCE in the application. If it has no such setting: `latchkey client update CLIENT_ID --pkce off`',
  },
  {
    answer:
      'invalid_request: add code_challenge with code_challenge_method=S256 (PKCE, RFC 7636), or the scope openid and a nonce (OpenID Connect): this request has neither',
    whose: 'application',
    cause: 'the same, and the scope `openid` is missing',
    remedy: 'turn on PKCE, or add the scope `openid`',
  },
  {
    answer:
      'invalid_request: add code_challenge with code_challenge_method=S256 (PKCE, RFC 7636): this application must use it',
    whose: 'application',
    cause: 'the application is public, or registered with `--pkce always`',
    remedy: 'turn on PKCE in the application',
  },
  {
    answer: 'invalid_request: not supported value of code_challenge_method',
    whose: 'application',
    cause: '`plain`, which protects nothing',
    remedy: '`S256` in the application',
  },
  {
    answer: 'invalid_request: the nonce was used before',
    whose: 'application',
    cause:
      'the application sends the same nonce twice, or the user went back in the browser and sent the request again',
    remedy: 'start again in the application; a nonce must be random',
  },
  {
    answer: 'unsupported_response_type: unsupported response_type requested',
    whose: 'application',
    cause: 'the implicit or hybrid flow, which OAuth 2.1 removes',
    remedy:
      "`response_type=code`. In express-openid-connect: `authorizationParams: { response_type: 'code' }` and a `clientSecret`",
  },
  {
    answer: 'unsupported_response_mode: unsupported response_mode requested',
    whose: 'application',
    cause: 'a mode such as `web_message` or `jwt`',
    remedy: '`query`, `fragment` or `form_post`',
  },
  {
    answer:
      'invalid_scope: none of the requested scopes is allowed; this application may request: openid profile email',
    whose: 'either',
    cause: 'the application requests only scopes that it is not registered for',
    remedy: 'request others, or `latchkey client update CLIENT_ID --scope "…"`',
    pattern: /^invalid_scope: none of the requested scopes is allowed; this/,
  },
  {
    answer: 'invalid_scope: add a scope; this application may request: calendar:read',
    whose: 'either',
    cause: 'no scope in the request, and the application may not have `openid`',
    remedy: 'the scope in the application, or `--default-scope`',
    pattern: /^invalid_scope: add a scope/,
  },
  {
    answer:
      'invalid_scope: this account may use none of the requested scopes; an administrator can extend its ceiling',
    whose: 'account',
    cause: 'the account may have none of the scopes',
    remedy: '`latchkey account update USERNAME --scope "…"`',
  },
  {
    answer: 'invalid_request: openid scope must be requested when using the nonce parameter',
    whose: 'either',
    cause: 'OpenID Connect without its scope, or the application is not registered for `openid`',
    remedy: 'add `openid` to both',
  },
  {
    answer: 'access_denied: the user denied access',
    pattern: /^access_denied/,
    whose: 'user',
    cause: 'the user chose not to allow it',
    remedy: 'nothing',
  },
  {
    answer: 'login_required: End-User authentication is required',
    whose: 'application',
    cause: '`prompt=none`, and nobody is signed in',
    remedy: 'send the user to sign in without `prompt=none`',
  },
  {
    answer: 'consent_required: requested scopes not granted',
    whose: 'application',
    cause: '`prompt=none`, and the user was not asked yet',
    remedy: 'send the user to sign in without `prompt=none`. If the application is yours: `--first-party`',
  },
  {
    answer: 'unmet_authentication_requirements: a stronger sign-in is requested',
    whose: 'application',
    cause: '`prompt=none` with `acr_values`, and the sign-in was weaker',
    remedy: 'send the user to sign in without `prompt=none`',
  },
  {
    answer: 'invalid_request: Pushed Authorization Request must be used',
    whose: 'application',
    cause: 'the application is registered with `--require-par`',
    remedy:
      'turn on pushed authorization requests (PAR) in the application, or `latchkey client update CLIENT_ID --no-require-par`',
  },
  {
    answer: 'invalid_target: the resource is unknown or disabled, or serves no scope of this application',
    whose: 'either',
    cause: '`resource` names an API that is not registered, or the application may have none of its scopes',
    remedy:
      '`latchkey resource list` shows the exact identifiers; `latchkey client update CLIENT_ID --scope "…"`',
  },
  {
    answer:
      'invalid_authorization_details: this application may not use the type of an entry of authorization_details',
    whose: 'registration',
    cause: 'the application is registered for other types',
    remedy: '`latchkey client update CLIENT_ID --authorization-type …`, once for each type',
  },
  {
    answer:
      'invalid_authorization_details: no resource that the request names has registered the type of an entry of authorization_details',
    whose: 'either',
    cause: '`resource` is missing or names another API, or the API has no such type',
    remedy: '`latchkey resource show IDENTIFIER` lists its types; `--authorization-type` adds one',
  },
  {
    answer: 'invalid_request_object: unsupported signed request alg',
    whose: 'application',
    cause: 'the JWT in `request` is not signed',
    remedy: 'sign it with a registered key, or turn off request objects in the application',
  },
  {
    answer: 'invalid_request_object: could not validate Request Object',
    whose: 'either',
    cause: 'the JWT in `request` is signed with a key that is not registered',
    remedy: 'register the key with `--jwks` or `--jwks-uri`',
  },
  {
    answer: 'invalid_request: Request Object must be used by this client',
    whose: 'application',
    cause: 'the application is registered with `--require-signed-request`',
    remedy:
      'turn on signed requests (JAR) in the application, or `latchkey client update CLIENT_ID --no-require-signed-request`',
  },
];
