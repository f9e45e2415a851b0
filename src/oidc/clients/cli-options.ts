import type { Command } from 'commander';
import { collect } from '../../kit/terminal.ts';

/** The options of `latchkey client create` and of `update`. Those with `true` may be repeated. */
const OPTIONS: [flags: string, description: string, repeatable?: true][] = [
  ['--metadata <file>', 'its client metadata (RFC 7591) as JSON; options win over its members'],
  ['--redirect-uri <uri>', 'where responses are sent; may be repeated', true],
  ['--post-logout-redirect-uri <uri>', 'where people return after signing out; may be repeated', true],
  [
    '--cors-origin <origin>',
    'an origin that calls the endpoints from a browser, beside those of the redirect URIs; may be repeated',
    true,
  ],
  [
    '--application-type <type>',
    'web, or native for a program on the device of the user; default: what the redirect URIs suggest',
  ],
  ['--client-uri <url>', 'its front page, to which people are led back'],
  ['--initiate-login-uri <url>', 'its page that begins a sign-in'],
  ['--policy-uri <url>', 'its privacy policy, shown with the question for consent'],
  ['--tos-uri <url>', 'its terms of service, shown with the question for consent'],
  [
    '--logo-uri <file-or-url>',
    'its logo, shown with the question for consent: an image file or address, read once and stored; "none" removes it',
  ],
  [
    '--first-party',
    'the application is yours: people are not asked for consent, except for connected accounts',
  ],
  ['--resource-server', 'it is an API: it may introspect tokens that have a scope of its --scope'],
  [
    '--scope <scopes>',
    'the scopes that it may request; default: openid profile email, or none for client_credentials alone',
  ],
  ['--default-scope <scopes>', 'the scope of requests without one; default: openid'],
  [
    '--claim <mapping>',
    'a claim beside those of its scopes: NAME=SOURCE, such as groups=roles or tenant=value:acme, perhaps with @id_token or @userinfo; sources: roles, username, name, email, verified_email, value:TEXT, json:JSON; may be repeated',
    true,
  ],
  [
    '--grant-type <type>',
    'authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, urn:ietf:params:oauth:grant-type:token-exchange , urn:openid:params:grant-type:ciba, urn:ietf:params:oauth:grant-type:jwt-bearer or implicit; may be repeated',
    true,
  ],
  ['--pkce <level>', 'always, or-nonce (an OpenID Connect nonce may take the place of PKCE) or off'],
  ['--require-pkce', 'the same as --pkce always'],
  ['--no-require-pkce', 'the same as --pkce off'],
  ['--require-par', 'its authorization requests must be pushed (RFC 9126)'],
  ['--require-dpop', 'its tokens are bound to a key of its own (DPoP, RFC 9449)'],
  [
    '--ciba-notification-uri <url>',
    'with CIBA: where it learns that a request was answered (ping); "none": it polls',
  ],
  [
    '--assertion-audience <issuer>',
    'a server for which it may get identity assertions (ID-JAG), perhaps with its client_id there: "ISSUER CLIENT_ID"; may be repeated',
    true,
  ],
  [
    '--exchange-resource <uri>',
    'an API that it may call for a user, with a token that it exchanges (RFC 8693); may be repeated',
    true,
  ],
  [
    '--hand-out <service>',
    'a service, such as google, whose access tokens it is given (RFC 8693); may be repeated',
    true,
  ],
  [
    '--authorization-type <type>',
    'a type of authorization details (RFC 9396) that it may use, with client_credentials too; default: each that a user allows, and none with client_credentials; may be repeated',
    true,
  ],
  [
    '--backchannel-logout-uri <url>',
    'where it learns that a user has signed out (OpenID Connect Back-Channel Logout); "none" removes it',
  ],
  [
    '--auth-method <method>',
    'how it proves who it is: client_secret_basic (default), client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth or self_signed_tls_client_auth',
  ],
  [
    '--jwks <file>',
    'a JWK Set with its public keys for private_key_jwt, or its certificates (PEM) for self_signed_tls_client_auth',
  ],
  ['--jwks-uri <url>', 'where its public keys are published, instead'],
  [
    '--certificate-subject <name>',
    'what its certificate must have, for tls_client_auth: dns=, uri=, ip=, email= or dn=, such as dns=reports.example',
  ],
  ['--fapi', 'it follows the FAPI 2.0 Security Profile: pushed requests, PKCE, bound tokens, and no secret'],
  [
    '--response-type <type>',
    'code, id_token or "id_token token"; default: code; others need the grant type implicit; may be repeated',
    true,
  ],
  [
    '--response-mode <mode>',
    'a response mode that it may use: query, fragment, form_post, or one of them with .jwt; default: any; may be repeated',
    true,
  ],
  ['--access-token-ttl <seconds>', 'the life of its access tokens; default: LATCHKEY_ACCESS_TOKEN_TTL'],
  ['--subject-type <type>', 'public, or pairwise: it gets other subjects than all other applications'],
  [
    '--sector-identifier-uri <url>',
    'a list of the redirect URIs of all applications that get the same pairwise subjects',
  ],
  ['--require-mtls', 'its tokens are bound to its certificate (RFC 8705)'],
  ['--id-token-alg <alg>', 'RS256, ES256 or EdDSA'],
  [
    '--id-token-claims <which>',
    'scope: ID tokens have the claims of the granted scopes (default); requested: only those that the parameter claims names, the others are at userinfo',
  ],
  ['--userinfo-alg <alg>', 'responses of userinfo are signed JWTs; "none": they are JSON (default)'],
  ['--response-alg <alg>', 'of signed authorization responses (JARM); default: RS256, or ES256 with --fapi'],
  [
    '--introspection-alg <alg>',
    'of signed introspection responses (RFC 9701); default: RS256, or ES256 with --fapi',
  ],
  ['--require-signed-request', 'its authorization requests must be signed (JAR, RFC 9101)'],
  ['--request-uri <url>', 'where its signed requests may be read (request_uri); may be repeated', true],
  ['--request-alg <alg>', 'of its signed requests; "any": each that the server knows (default)'],
  [
    '--refresh-token-max-ttl <seconds>',
    'the life of its refresh tokens since the sign-in; default: LATCHKEY_REFRESH_TOKEN_MAX_TTL',
  ],
  [
    '--refresh-overlap <seconds>',
    'how long a used refresh token works again; default: LATCHKEY_REFRESH_OVERLAP',
  ],
  ['--json', 'print one JSON document'],
];

/** @returns the same command */
export function addOptions(command: Command): Command {
  for (const [flags, description, repeatable] of OPTIONS)
    if (repeatable) command.option(flags, description, collect);
    else command.option(flags, description);
  return command;
}
