import { SCOPE_TOKEN } from '../../access/scopes.ts';

/** A service that says more cannot mean it, and a date so far away has no form in a database. */
const MAX_LIFETIME_SECONDS = 10 * 365 * 86_400;
/** What can be sent in a header (RFC 6749 appendix A.12). */
const TOKEN = /^[\x20-\x7e]+$/;
/** Error codes are ASCII without quotation mark and backslash (RFC 6749 appendix A.7); all that are in use are shorter. */
const CODE = /^[\w.:-]{1,64}$/;

/** What of a token response is stored (RFC 6749 section 5.1). */
interface TokenAnswer {
  access_token: string;
  refresh_token?: string | undefined;
  scope?: string | undefined;
  expires_in?: number | undefined;
}

/**
 * Reads the response of a token endpoint. Services choose its values, so that none of them may be refused by a database or by
 * HTTP after the service has ended the earlier tokens.
 * @throws Error when a token could not be sent in a header
 */
export function readTokenAnswer(answer: TokenAnswer) {
  const { access_token: accessToken, refresh_token: refreshToken, scope, expires_in: seconds } = answer;
  if (!TOKEN.test(accessToken) || (refreshToken !== undefined && !TOKEN.test(refreshToken)))
    throw new Error('a token has characters that no header can have');
  return {
    accessToken,
    refreshToken,
    tokenType: 'Bearer',
    scope: scope
      ?.split(/\s+/)
      .filter((one) => SCOPE_TOKEN.test(one))
      .join(' '),
    expiresAt:
      seconds === undefined
        ? undefined
        : new Date(Date.now() + Math.min(seconds, MAX_LIFETIME_SECONDS) * 1000),
  };
}

/**
 * @param error a member of an error response (RFC 6749 section 5.2)
 * @returns its code, to be stored; undefined for anything else, because a service may repeat secrets in what it says
 */
export const readErrorCode = (error: unknown): string | undefined =>
  typeof error === 'string' && CODE.test(error) ? error : undefined;
