import { TOKEN_EXCHANGE } from '../../access/grant-types.ts';

/** Of devices without a browser (RFC 8628). */
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

/** Those that an application can register. */
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  DEVICE_CODE,
  TOKEN_EXCHANGE,
] as const;

/** Whether people sign in to an application with these grant types. */
export const hasUsers = (grantTypes: readonly string[]): boolean =>
  grantTypes.includes('authorization_code') || grantTypes.includes(DEVICE_CODE);
