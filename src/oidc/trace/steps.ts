/** What an attempt to connect is made of, in the order in which it happens. */
export type StepName =
  | 'discovery'
  | 'registration'
  | 'push'
  | 'request'
  | 'sign_in'
  | 'consent'
  | 'code'
  | 'device'
  | 'token'
  | 'use'
  | 'refresh';

/** One step of an attempt, as it is stored: no secret, no parameter but the redirect URI, and that without its query. */
export interface TraceStep {
  /** ISO 8601. */
  at: string;
  step: StepName;
  /** The error code that the application got; undefined if the step succeeded. */
  error?: string | undefined;
  /** The sentence that the application got. */
  description?: string | undefined;
  /** What only the log has. */
  detail?: string | undefined;
  /** The name of the parameter at fault. */
  parameter?: string | undefined;
  redirectUri?: string | undefined;
}

/** `refused`: a step was refused. `connected`: the application got a token. `open`: neither. */
export type Outcome = 'open' | 'connected' | 'refused';

/** What one request did in an attempt. */
export interface Observation {
  /** What its address is limited by. */
  network?: string | undefined;
  /** Unset for an application that an operator has registered. `unknown`: it is not registered, or not named. */
  standing?: 'unvetted' | 'unknown' | undefined;
  steps: TraceStep[];
  outcome: Outcome;
  /** The id of the row of the authorization request, and of the row of the code. Each names the attempt on every server. */
  requestId?: string | undefined;
  codeId?: string | undefined;
  /** The key under which a code is stored that was presented, if its row was not read. */
  codeHash?: string | undefined;
  clientId?: string | undefined;
  accountId?: string | undefined;
  /** Whether the request begins an attempt. */
  begins: boolean;
  /**
   * Whether it is a step before the user has signed in, such as a wrong password or a pushed request. The story is complete
   * without it, and it is recorded less often: most of these requests can be sent by anyone.
   */
  isBeginning?: boolean;
  /** Names of attempts, if there are any, that are the beginning of this one. */
  earlierIds?: string[];
}

/** The time of something of which only the second is known, in milliseconds since 1970. */
export const endOfSecond = (seconds: number) => Math.min(Date.now(), seconds * 1000 + 999);

export const stepAt = (step: StepName, at = Date.now()): TraceStep => ({
  at: new Date(at).toISOString(),
  step,
});

const MAX_URI_LENGTH = 200;
const MAX_TEXT_LENGTH = 200;
const MAX_ID_LENGTH = 40;

/** @returns at most 200 characters in one line */
export const shorten = (text: string | undefined) =>
  text?.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ').slice(0, MAX_TEXT_LENGTH);

/** @returns the address without user name, query and fragment, which may have secrets; undefined for anything else */
export function withoutQuery(uri: unknown): string | undefined {
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (!url) return undefined;
  return `${url.protocol}//${url.host}${url.pathname}`.slice(0, MAX_URI_LENGTH);
}

/**
 * @returns the id of an application that is not registered; undefined for text that is not like one, and for one that is
 *   as long as a secret, because a secret may have been pasted into the wrong field
 */
export function unknownClientId(id: unknown): string | undefined {
  if (typeof id !== 'string') return undefined;
  if (/^https?:\/\/[^@]*$/.test(id)) return withoutQuery(id);
  return id.length <= MAX_ID_LENGTH && /^[\w.:~-]+$/.test(id) ? id : undefined;
}

/** Why a request was refused. */
export interface RefusedRequest {
  error: string;
  description?: string | undefined;
  detail?: string | undefined;
  parameter?: string | undefined;
}
