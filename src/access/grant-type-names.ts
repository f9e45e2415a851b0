/** The grant type of applications that present an identity assertion of a trusted issuer (RFC 7523, ID-JAG). */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The grant type of applications that ask for a sign-in without a browser (OpenID Connect CIBA). */
export const CIBA = 'urn:openid:params:grant-type:ciba';

/** The grant type of APIs that call other APIs for a user (RFC 8693). Tokens from it have it as their `gty`. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** The grant type of applications that get tokens from the authorization endpoint (OpenID Connect Core section 3.2). */
export const IMPLICIT = 'implicit';
