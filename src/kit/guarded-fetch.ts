import type { lookup as lookUp } from 'node:dns';
import type { Agent, RequestInit as UndiciInit } from 'undici';
import { assertScheme, createGuardedAgent } from './guarded-agent.ts';

/** Milliseconds for the whole exchange: name, connection, headers and body. */
const TIME_LIMIT_MS = 5000;
/** Bytes of a body, after decompression. The documents that we fetch are lists of keys and descriptions of applications. */
const MAX_ANSWER_BYTES = 64 * 1024;

export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

async function readBody(body: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early ends the connection.
  for await (const part of body ?? []) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the response is larger than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Statuses that have no body (Fetch standard); a Response cannot be made with one. */
const BODYLESS = new Set([101, 103, 204, 205, 304]);

/**
 * Makes the function for every request to a URL that somebody else chose. Against server-side request forgery it accepts only
 * https, connects only to public addresses, follows no redirect, and limits time and size. What it resolves with is complete.
 * @param options `allowPrivate`: also http and private addresses, for tests and for services in the same network.
 *   `resolveName`: instead of the system's resolver
 */
export function createGuardedFetch(options: {
  allowPrivate: boolean;
  resolveName?: typeof lookUp;
}): GuardedFetch {
  const { allowPrivate, resolveName } = options;
  let agent: Promise<Agent> | undefined;
  return async (url, init = {}) => {
    const target = new URL(url);
    assertScheme(target, allowPrivate);
    // Each document comes from another host, so no connection is kept.
    agent ??= createGuardedAgent({
      allowPrivate,
      resolveName,
      timeLimit: TIME_LIMIT_MS,
      agent: { pipelining: 0 },
    });
    const { fetch } = await import('undici');
    const dispatcher = await agent;
    const limit = AbortSignal.timeout(TIME_LIMIT_MS);
    const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
    // The engine passes a dispatcher of its own, and not all of its requests say how redirects are treated.
    const own = { ...init, dispatcher, redirect: 'manual', signal } as UndiciInit;
    const response = await fetch(target, own);
    const body = await readBody(response.body);
    const { status, statusText } = response;
    const headers = new Headers([...response.headers]);
    return new Response(BODYLESS.has(status) ? null : body, { status, statusText, headers });
  };
}
