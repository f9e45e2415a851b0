import { LatchkeyError } from '../kit/errors.ts';

/**
 * Why an application cannot use a connection now. The codes are part of the contract with applications (docs/CONNECTIONS.md); a
 * call through the proxy is answered with one of them as `application/problem+json`.
 */

/** The person has connected no account, or has ended that, or the service is disabled. Also for the connection of somebody else. */
export const notConnected = (service: string) =>
  new LatchkeyError(
    'forbidden',
    'not_connected',
    `This person has no connected account at ${service}. Ask them to connect one.`,
    { members: { service } },
  );

/** The service no longer accepts the credential: it was revoked there, or has expired. */
export const needsReconnect = (service: string, reason?: string) =>
  new LatchkeyError(
    'forbidden',
    'needs_reconnect',
    `The account at ${service} has to be connected again by the person.`,
    { members: reason === undefined ? { service } : { service, reason } },
  );

/**
 * @param scopes at least one of them is missing
 * @param whose whether it is missing from the application's token, or from what the person allowed at the service
 */
export const missingScopes = (scopes: string[], whose: 'application' | 'connection') =>
  new LatchkeyError(
    'forbidden',
    'missing_scopes',
    whose === 'application'
      ? 'The access token of the application lacks the scope for this call.'
      : 'The person did not allow this at the service. They have to connect the account again.',
    { members: { scopes, missing_from: whose } },
  );

export const callRateLimited = (retryAfter: number) =>
  new LatchkeyError(
    'rate_limited',
    'rate_limited',
    'This connection has made too many calls. Retry-After says when it may make the next one.',
    { retryAfter },
  );

/** Other calls to the same server of the service are running, and did not end in time. */
export const serviceBusy = () =>
  new LatchkeyError(
    'unavailable',
    'service_busy',
    'Too many calls to the service are running. Send the call again.',
    { retryAfter: 2 },
  );

/** @param connections among which the application has to choose */
export const connectionRequired = (connections: { id: string; email?: string | null | undefined }[]) =>
  new LatchkeyError(
    'invalid_input',
    'connection_required',
    'This person has connected several accounts at the service. Name one: a call in the header Connection-Id, a token exchange in connection_id.',
    { members: { connections } },
  );

export const upstreamUnreachable = (cause: unknown) =>
  new LatchkeyError(
    'bad_gateway',
    'upstream_unreachable',
    'The service could not be reached, or broke off.',
    {
      cause,
    },
  );

export const upstreamTimeout = (cause: unknown) =>
  new LatchkeyError('gateway_timeout', 'upstream_timeout', 'The service did not answer in time.', { cause });

/** The error while another request, perhaps of another server, refreshes the credential. */
export const refreshPending = () =>
  new LatchkeyError(
    'unavailable',
    'refresh_pending',
    'The credential of this connection is being refreshed. Send the call again.',
    { retryAfter: 2 },
  );

/** The body was passed on while it arrived, so the call cannot be repeated with the new credential. */
export const credentialRenewed = () =>
  new LatchkeyError(
    'unavailable',
    'credential_renewed',
    'The service asked for a new credential after the body had been sent. It is there now: send the call again.',
    { retryAfter: 1 },
  );
