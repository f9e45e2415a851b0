import { readErrorCode } from '../services/token-answer.ts';

/** Why a refresh failed. */
export interface RefreshFailure {
  /** A stable code, for the log and `sync_error`. */
  code: string;
  /** The status and the error code of the service. Nothing else that it said, which may repeat secrets of the request. */
  message: string;
  /** Whether only the person can mend it, by connecting again. */
  isPermanent: boolean;
  /** Seconds after which the service allows another try. */
  retryAfter?: number | undefined;
}

/** What openid-client throws for an error response (RFC 6749 section 5.2). */
interface ErrorResponse extends Error {
  code?: string;
  error?: string;
  error_description?: string;
  status?: number;
  response?: Response;
  cause?: unknown;
}

/** The code for an error that ends the grant. Google names one of them by a subtype. */
function permanentCode(error: string | undefined, text: string): string | undefined {
  if (/admin_policy_enforced/.test(`${error} ${text}`)) return 'refused_by_administrator';
  if (error !== 'invalid_grant') return undefined;
  return /invalid_rapt|rapt_required|reauth/.test(text) ? 'reauthentication_required' : 'revoked';
}

function secondsOf(response: Response | undefined): number | undefined {
  const text = response?.headers.get('retry-after');
  if (!text) return undefined;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.min(86_400, seconds)) : undefined;
}

/** Tells a grant that has ended from a service that is down, busy or does not know this server. */
export function describeFailure(error: unknown): RefreshFailure {
  const thrown = error as ErrorResponse;
  const cause = thrown.cause as { error_subtype?: unknown } | Response | undefined;
  const response = thrown.response ?? (cause instanceof Response ? cause : undefined);
  const subtype = cause && 'error_subtype' in cause ? readErrorCode(cause.error_subtype) : undefined;
  const status = thrown.status ?? response?.status;
  const message = [status, readErrorCode(thrown.error), subtype].filter(Boolean).join(' ');
  const permanent = permanentCode(thrown.error, `${thrown.error_description} ${subtype}`);
  if (permanent) return { code: permanent, message, isPermanent: true };
  const retryAfter = secondsOf(response);
  const code =
    thrown.error === 'invalid_client' || thrown.error === 'unauthorized_client'
      ? 'client_refused'
      : status === 429
        ? 'rate_limited'
        : status !== undefined && status >= 400
          ? 'service_error'
          : 'no_answer';
  return { code, message: message || 'the service did not answer', isPermanent: false, retryAfter };
}
