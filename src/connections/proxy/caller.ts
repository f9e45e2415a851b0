import type { LatchkeyError } from '../../kit/errors.ts';
import { callRateLimited, credentialRenewed, missingScopes, needsReconnect } from '../refusals.ts';
import type { Service } from '../services/service-config.ts';
import type { ApiClient, UpstreamResponse } from './api-client.ts';
import type { CallBody } from './body.ts';
import { type Headers, toService } from './headers.ts';
import { createPauses, createRefusedVersions, readRetryAfter } from './pauses.ts';
import { assertGranted } from './permission.ts';

/** What authenticates a connection at its service. */
export interface CallCredential {
  version: number;
  accessToken: string;
  scope?: string | undefined;
}

export interface CallerDeps {
  /** @throws LatchkeyError when the credential cannot be used */
  getCredential(connectionId: string, options?: { notVersion?: number }): Promise<CallCredential>;
  recordUse(connectionId: string): void;
  countCall(connectionId: string, limit: { requests: number; seconds: number }): Promise<number | undefined>;
  apiClient: Pick<ApiClient, 'send'>;
}

/** A call of an application, before it has a credential. */
export interface Call {
  origin: string;
  path: string;
  method: string;
  received: Headers;
  body: CallBody;
  signal: AbortSignal;
}

/** The header that authenticates: RFC 6750 section 2.1, or the one that the service has for its keys. */
function headerOf({ settings }: Service, { accessToken }: CallCredential): { name: string; value: string } {
  const { apiKey } = settings;
  if (apiKey) return { name: apiKey.header.toLowerCase(), value: accessToken };
  return { name: 'authorization', value: `Bearer ${accessToken}` };
}

/** The scopes that a service says are missing (RFC 6750 section 3.1); undefined for another answer. */
function readMissingScopes({ statusCode, headers }: UpstreamResponse): string[] | undefined {
  const challenge = String(headers['www-authenticate'] ?? '');
  if (statusCode !== 403 || !/\binsufficient_scope\b/.test(challenge)) return undefined;
  const [, scope = ''] = /\bscope="([^"]*)"/.exec(challenge) ?? [];
  return scope.split(' ').filter(Boolean);
}

/** Frees the connection of an answer that the application does not get, if its body is short enough to read it. */
const discard = ({ body }: UpstreamResponse, signal: AbortSignal) => body.dump({ limit: 65_536, signal });

/** @returns the function that makes a call at a service, within its limits and with a credential that it accepts */
export function createCaller(deps: CallerDeps) {
  const pauses = createPauses();
  const refusedAnyway = createRefusedVersions();

  async function limit({ settings }: Service, connectionId: string): Promise<void> {
    const wait =
      pauses.find(connectionId) ??
      (settings.rateLimit && (await deps.countCall(connectionId, settings.rateLimit)));
    if (wait !== undefined) throw callRateLimited(wait);
  }

  /** What of an answer is for this server, and not for the application. */
  function findRefusal(
    service: Service,
    connectionId: string,
    response: UpstreamResponse,
  ): LatchkeyError | undefined {
    const { statusCode, headers } = response;
    if (statusCode === 401) return needsReconnect(service.displayName, 'refused_after_refresh');
    const scopes = readMissingScopes(response);
    if (scopes) return missingScopes(scopes, 'connection');
    const retryAfter = readRetryAfter(headers['retry-after']);
    if (statusCode === 429) {
      pauses.add(connectionId, retryAfter);
      return callRateLimited(retryAfter);
    }
    if (statusCode === 503 && headers['retry-after'] !== undefined) pauses.add(connectionId, retryAfter);
    return undefined;
  }

  /**
   * @param scope of the application, by which it makes the call
   * @returns the answer, which the caller reads to its end
   * @throws LatchkeyError
   */
  return async (
    service: Service,
    connectionId: string,
    scope: string,
    call: Call,
  ): Promise<UpstreamResponse> => {
    await limit(service, connectionId);
    const send = async (credential: CallCredential) => {
      assertGranted(service, scope, credential.scope);
      deps.recordUse(connectionId);
      const { origin, path, method, signal, received, body } = call;
      const headers = toService(received, headerOf(service, credential));
      if (body.data === null) delete headers['content-length'];
      return deps.apiClient.send({ origin, path, method, headers, body: body.data, signal });
    };
    const credential = await deps.getCredential(connectionId);
    let response = await send(credential);
    if (response.statusCode === 401 && !refusedAnyway.has(connectionId, credential.version)) {
      await discard(response, call.signal);
      const renewed = await deps.getCredential(connectionId, { notVersion: credential.version });
      if (!call.body.isRepeatable) throw credentialRenewed();
      response = await send(renewed);
      // The credential is not at fault, so the connection is not marked: an application could break it by choosing a path.
      if (response.statusCode === 401) refusedAnyway.add(connectionId, renewed.version);
    }
    const refusal = findRefusal(service, connectionId, response);
    if (!refusal) return response;
    await discard(response, call.signal);
    throw refusal;
  };
}
