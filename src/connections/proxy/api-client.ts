import type { Agent, Dispatcher } from 'undici';
import { LatchkeyError } from '../../kit/errors.ts';
import { assertScheme, createGuardedAgent } from '../../kit/guarded-agent.ts';
import { upstreamTimeout, upstreamUnreachable } from '../refusals.ts';
import type { CallBody } from './body.ts';
import { SLOTS_OF_ORIGIN, TIMEOUTS_MS } from './limits.ts';

export interface UpstreamCall {
  origin: string;
  /** The path, with its query. */
  path: string;
  method: string;
  headers: Record<string, string | string[]>;
  body: CallBody['data'];
  signal: AbortSignal;
}

export type UpstreamResponse = Dispatcher.ResponseData;

const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];

/** @param reason why the call was aborted, if it was */
export function toRefusal(error: unknown, reason?: unknown): LatchkeyError {
  const cause = reason ?? error;
  if (cause instanceof LatchkeyError) return cause;
  const { code, name } = cause as { code?: string; name?: string };
  const isLate = TIMEOUTS.includes(String(code)) || name === 'TimeoutError';
  return isLate ? upstreamTimeout(cause) : upstreamUnreachable(cause);
}

/**
 * The connections to services, which are kept and used again. Redirects are not followed: the credential goes nowhere else.
 * @param options `allowPrivate`: LATCHKEY_ALLOW_PRIVATE_SERVICES
 */
export function createApiClient({
  allowPrivate,
  times = TIMEOUTS_MS,
}: {
  allowPrivate: boolean;
  times?: typeof TIMEOUTS_MS;
}) {
  const createAgent = () =>
    createGuardedAgent({
      allowPrivate,
      timeLimit: times.connect,
      agent: {
        headersTimeout: times.headers,
        bodyTimeout: times.idle,
        connections: SLOTS_OF_ORIGIN.running,
        pipelining: 1,
      },
    });
  let agent: Promise<Agent> | undefined;
  return {
    /** @throws LatchkeyError bad_gateway, gateway_timeout, or the reason of the signal if that is one */
    async send({ origin, path, method, headers, body, signal }: UpstreamCall): Promise<UpstreamResponse> {
      assertScheme(new URL(origin), allowPrivate);
      agent ??= createAgent();
      const connections = await agent;
      try {
        return await connections.request({
          origin,
          path,
          method: method as Dispatcher.HttpMethod,
          headers,
          body: body as Dispatcher.DispatchOptions['body'],
          signal,
        });
      } catch (error) {
        throw toRefusal(error, signal.aborted ? signal.reason : undefined);
      }
    },
    close: async () => (await agent)?.destroy(),
  };
}

export type ApiClient = ReturnType<typeof createApiClient>;
