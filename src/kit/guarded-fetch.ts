import { lookup as lookUp } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector, fetch, type RequestInit as UndiciInit } from 'undici';

/** Milliseconds for the whole exchange: name, connection, headers and body. */
const TIME_LIMIT = 5000;
/** Bytes of a body, after decompression. The documents that we fetch are lists of keys and descriptions of applications. */
const SIZE_LIMIT = 64 * 1024;

export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Whether an IP address belongs to one host of the public internet, so not to this machine, its network or a tunnel into it. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  // Other IPv6 addresses of the range `unicast` are not in use, or stand for IPv4 addresses, such as ::127.0.0.1.
  const isGlobal = parsed.kind() === 'ipv4' || parsed.match(ipaddr.parse('2000::'), 3);
  return isGlobal && parsed.range() === 'unicast';
}

const refusal = (host: string) => new Error(`the host ${host} is not on the public internet`);

/** Names are resolved once, and the connection goes to the very addresses that were checked: a second answer changes nothing. */
const checkedLookup =
  (resolveName: typeof lookUp): LookupFunction =>
  (host, options, done) => {
    resolveName(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      const [first] = addresses;
      if (!first || addresses.some(({ address }) => !isPublicAddress(address)))
        return done(refusal(host), '');
      if (options.all) return done(null, addresses);
      done(null, first.address, first.family);
    });
  };

function createAgent(resolveName: typeof lookUp): Agent {
  const connect = buildConnector({ lookup: checkedLookup(resolveName), timeout: TIME_LIMIT });
  return new Agent({
    connect(options, done) {
      // An address in the place of a name is not looked up.
      const host = options.hostname.replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0 && !isPublicAddress(host)) return done(refusal(host), null);
      connect(options, done);
    },
    // Each document comes from another host.
    pipelining: 0,
  });
}

async function readBody(body: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early ends the connection.
  for await (const part of body ?? []) {
    size += part.length;
    if (size > SIZE_LIMIT) throw new Error(`the response is larger than ${SIZE_LIMIT} bytes`);
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
  const { allowPrivate, resolveName = lookUp } = options;
  const agent = allowPrivate ? new Agent({ pipelining: 0 }) : createAgent(resolveName);
  return async (url, init = {}) => {
    const target = new URL(url);
    if (target.protocol !== 'https:' && !(allowPrivate && target.protocol === 'http:'))
      throw new TypeError(`the URL begins with ${target.protocol}, not with https:`);
    const limit = AbortSignal.timeout(TIME_LIMIT);
    const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
    // The engine passes a dispatcher of its own, and not all of its requests say how redirects are treated.
    const own = { ...init, dispatcher: agent, redirect: 'manual', signal } as UndiciInit;
    const response = await fetch(target, own);
    const body = await readBody(response.body);
    const { status, statusText } = response;
    const headers = new Headers([...response.headers]);
    return new Response(BODYLESS.has(status) ? null : body, { status, statusText, headers });
  };
}
