import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { OWN_CLIENT_ID } from '../clients/own-client.ts';
import { findFoundRequest } from '../storage/request-links.ts';
import { hashTokenValue } from '../storage/token-values.ts';
import { toPushName, toRegistrationName } from './attempt-ids.ts';
import { endOfSecond, type Observation, stepAt, withoutQuery } from './steps.ts';

/** A sign-in with a wrong username or password. */
export interface FailedSignIn {
  interaction: {
    /** The parameters of the authorization request. */
    params: Record<string, unknown>;
    /** When it began, in seconds since 1970. */
    iat: number;
    /** The code of the device that the sign-in is for. */
    deviceCode?: unknown;
    /** The id of the request, if it was pushed. */
    parJti?: unknown;
  };
  /** The account with that username; undefined if no account has it. What was typed is never recorded. */
  accountId: string | undefined;
  /** The error code of the audit event. */
  reason: string;
  /** What the page says. */
  says: string;
}

const FAILED = 'trace.failed-sign-in';

/** Leaves it for the middleware that records the steps of attempts. */
export function setFailedSignIn(unit: UnitOfWork, failed: FailedSignIn): void {
  unit.memory.set(FAILED, failed);
}

/** @returns undefined when this request was no failed sign-in, or one at our own pages */
export function observeFailedSignIn(unit: UnitOfWork): Observation | undefined {
  const failed = unit.memory.get(FAILED) as FailedSignIn | undefined;
  if (!failed || failed.interaction.params.client_id === OWN_CLIENT_ID) return undefined;
  const { accountId, reason, says } = failed;
  const { params, iat, deviceCode, parJti } = failed.interaction;
  const clientId = String(params.client_id);
  const isDevice = typeof deviceCode === 'string';
  const request = stepAt('request', endOfSecond(iat));
  request.redirectUri = withoutQuery(params.redirect_uri);
  const refused = stepAt('sign_in');
  Object.assign(refused, { error: 'sign_in_failed', description: says, detail: reason });
  return {
    requestId: isDevice ? undefined : findFoundRequest(unit),
    codeHash: isDevice ? hashTokenValue(deviceCode) : undefined,
    earlierIds: [toPushName(parJti), toRegistrationName(clientId)].filter((id) => id !== undefined),
    clientId,
    accountId,
    steps: [request, refused],
    // It may go on, and anyone can fail as often as they like.
    outcome: 'open',
    begins: true,
    isBeginning: true,
  };
}
