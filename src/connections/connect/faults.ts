import { LatchkeyError } from '../../kit/errors.ts';

/** What goes wrong at a service. */
export type UpstreamFaultCode =
  | 'upstream_denied'
  | 'upstream_refused'
  | 'upstream_busy'
  | 'upstream_unreachable'
  | 'upstream_answer_invalid'
  | 'api_key_refused';

/** The service did not answer as it should. The person gets a sentence; `reason` is for the log alone. */
export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault';
  readonly code: UpstreamFaultCode;
  /** An error code of OAuth, never a text of the service. */
  readonly reason: string | undefined;

  constructor(code: UpstreamFaultCode, options: { cause?: unknown; reason?: string | undefined } = {}) {
    super(code, { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
  }
}

/** Error codes have letters and underscores (RFC 6749 section 4.1.2.1). Anything else is not repeated. */
const toReason = (error: unknown) =>
  typeof error === 'string' && /^[\w.-]{1,64}$/.test(error) ? error : undefined;

/** @param error of the authorization response */
export function faultOfResponse(error: string | null): UpstreamFault {
  const code = error === 'access_denied' ? 'upstream_denied' : 'upstream_refused';
  return new UpstreamFault(code, { reason: toReason(error) });
}

const isTimeout = (error: unknown): boolean =>
  error instanceof Error &&
  (/^(TimeoutError|AbortError)$/.test(error.name) || (error.cause !== undefined && isTimeout(error.cause)));

/** Turns an error of openid-client or of a request to the service into a fault. */
export function toFault(error: unknown): UpstreamFault {
  if (error instanceof UpstreamFault) return error;
  const { name, code, cause } = error as { name?: string; code?: string; cause?: { error?: unknown } };
  if (name === 'ResponseBodyError')
    return new UpstreamFault('upstream_refused', {
      cause: error,
      reason: toReason(cause?.error),
    });
  // An error of fetch: the service could not be reached, or broke off.
  if (isTimeout(error) || (error instanceof TypeError && code === undefined) || code === 'OAUTH_TIMEOUT')
    return new UpstreamFault('upstream_unreachable', { cause: error });
  return new UpstreamFault('upstream_answer_invalid', { cause: error });
}

/**
 * @param name of the service, for the person
 * @param outcome what did not happen, as a sentence
 * @returns an error with a sentence, and where to go on
 */
export function tellFault(
  { code, cause }: UpstreamFault,
  name: string,
  back: { url: string; label: string },
  outcome = 'Nothing was connected.',
): LatchkeyError {
  const options = { cause, back };
  switch (code) {
    case 'upstream_denied':
      return new LatchkeyError(
        'forbidden',
        'connect_denied',
        `${name} did not get your permission. ${outcome}`,
        options,
      );
    case 'upstream_busy':
      return new LatchkeyError(
        'unavailable',
        'connect_busy',
        `${name} is busy. ${outcome} Wait a minute, then try again.`,
        options,
      );
    case 'upstream_unreachable':
      return new LatchkeyError(
        'unavailable',
        'connect_unreachable',
        `${name} did not answer. ${outcome} Try again in a few minutes.`,
        options,
      );
    case 'api_key_refused':
      return new LatchkeyError(
        'invalid_input',
        'api_key_refused',
        `${name} does not accept this key. Check that you copied all of it.`,
        options,
      );
    case 'upstream_refused':
      return new LatchkeyError(
        'unavailable',
        'connect_refused',
        `${name} refused the request. ${outcome} Try again; if it happens again, tell the people who run this server.`,
        options,
      );
    default:
      return new LatchkeyError(
        'unavailable',
        'connect_answer_invalid',
        `${name} answered in a way that we cannot accept. ${outcome} If it happens again, tell the people who run this server.`,
        options,
      );
  }
}
