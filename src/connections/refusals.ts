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

export const upstreamUnreachable = (cause: unknown) =>
  new LatchkeyError(
    'bad_gateway',
    'upstream_unreachable',
    'The service could not be reached, or broke off.',
    {
      cause,
    },
  );
/** Another request, perhaps of another server, refreshes the credential and is not done yet. */
export const refreshPending = () =>
  new LatchkeyError(
    'unavailable',
    'refresh_pending',
    'The credential of this connection is being refreshed. Send the call again.',
    { retryAfter: 2 },
  );
