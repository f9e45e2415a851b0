import { CIBA, IMPLICIT, JWT_BEARER, TOKEN_EXCHANGE } from '../../access/grant-type-names.ts';

/** The grant type of devices without a browser (RFC 8628). */
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

/** The grant types that an application can register. */
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  DEVICE_CODE,
  TOKEN_EXCHANGE,
  CIBA,
  JWT_BEARER,
  // Only with LATCHKEY_IMPLICIT_GRANT.
  IMPLICIT,
] as const;

/** Whether people sign in to an application with these grant types. */
export const hasUsers = (grantTypes: readonly string[]): boolean =>
  ['authorization_code', DEVICE_CODE, CIBA, IMPLICIT].some((type) => grantTypes.includes(type));
