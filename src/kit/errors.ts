/** Kinds of failure. The kind decides the HTTP status. */
const STATUS = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  wrong_method: 405,
  conflict: 409,
  too_large: 413,
  rate_limited: 429,
  bad_gateway: 502,
  unavailable: 503,
  gateway_timeout: 504,
} as const;

export type ErrorKind = keyof typeof STATUS;

interface ErrorOptions {
  /** For the log only. */
  cause?: unknown;
  /** One sentence for each wrong member of the input, to show beside its field. */
  faults?: Record<string, string>;
  /** Seconds after which the same request may succeed. */
  retryAfter?: number;
  /** A link for the error page: where the user can go on. */
  back?: { url: string; label: string } | undefined;
  /** Further members of the answer to a program (RFC 9457 section 3.2). */
  members?: Record<string, unknown>;
}

/**
 * The only error class that callers of a service have to know. The message is safe to show to anyone. The cause is not.
 */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  readonly kind: ErrorKind;
  /** Names this case for programs, in snake_case. It stays the same when the message is reworded or translated. */
  readonly code: string;
  readonly faults: Record<string, string>;
  readonly retryAfter: number | undefined;
  readonly back: ErrorOptions['back'];
  readonly members: Record<string, unknown>;

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.faults = options.faults ?? {};
    this.retryAfter = options.retryAfter;
    this.back = options.back;
    this.members = options.members ?? {};
  }

  get status(): number {
    return STATUS[this.kind];
  }
}

/** The database did not answer in time, or not at all. The same request may succeed later. */
export function unavailable(cause: unknown): LatchkeyError {
  const message = 'The server cannot reach its database. Try again in a moment.';
  return new LatchkeyError('unavailable', 'database_unavailable', message, { cause });
}

/**
 * The database was asked to save something, and it is unknown whether it did; or a part was saved and the rest was not.
 * The same request must not be repeated blindly.
 */
export function outcomeUnknown(cause: unknown): LatchkeyError {
  const message =
    'The server lost its database while it was saving. Some or all of it may have been saved: check before you try again.';
  return new LatchkeyError('unavailable', 'outcome_unknown', message, { cause });
}

export const isOutcomeUnknown = (error: unknown): error is LatchkeyError =>
  error instanceof LatchkeyError && error.code === 'outcome_unknown';

/** Turns `outcome_unknown` into `database_unavailable`, for a request that is safe to repeat even if it was done. */
export const toRepeatable = (error: unknown): unknown =>
  isOutcomeUnknown(error) ? unavailable(error.cause) : error;

/** @param message states the fault and the remedy @throws LatchkeyError invalid_input */
export function refuse(code: string, message: string): never {
  throw new LatchkeyError('invalid_input', code, message);
}

/** @param faults one sentence for each field, without its full stop */
export function invalidFields(faults: Record<string, string>, message = sentences(faults)): LatchkeyError {
  return new LatchkeyError('invalid_input', 'fields_invalid', message, { faults });
}

const sentences = (faults: Record<string, string>) => `${[...new Set(Object.values(faults))].join('. ')}.`;
