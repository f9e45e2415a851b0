/** What kinds of failure there are; the kind decides the HTTP status and the exit code. */
const STATUS = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  rate_limited: 429,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS;

/**
 * The one error of this program: a stable code, a sentence that is safe to show to anybody, and a
 * hidden cause for the log.
 */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  readonly code: ErrorCode;
  /** What is wrong with each member of the input, for a form to say beside its field. */
  readonly faults: Record<string, string>;
  /** After how many seconds the same request may succeed, where that is known. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    cause?: unknown,
    more: { faults?: Record<string, string>; retryAfter?: number } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.faults = more.faults ?? {};
    this.retryAfter = more.retryAfter;
  }

  get status(): number {
    return STATUS[this.code];
  }
}

/** The database did not answer in time or not at all; the same request may succeed later. */
export function unavailable(cause: unknown): LatchkeyError {
  return new LatchkeyError(
    'unavailable',
    'The server cannot reach its database. Try again in a moment.',
    cause,
  );
}

/** @throws LatchkeyError invalid_input with that sentence, which says what is wrong and what to do. */
export function refuse(message: string): never {
  throw new LatchkeyError('invalid_input', message);
}
