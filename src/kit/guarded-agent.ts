import { lookup as lookUp } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Agent } from 'undici';

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

/** @throws TypeError for a URL that is not https; with `allowPrivate`, http is accepted, too */
export function assertScheme({ protocol }: URL, allowPrivate: boolean): void {
  if (protocol === 'https:' || (allowPrivate && protocol === 'http:')) return;
  throw new TypeError(`the URL begins with ${protocol}, not with https:`);
}

/**
 * Makes the connections for requests to a URL that somebody else chose. Against server-side request forgery it connects only to
 * public addresses. It loads undici, which takes a tenth of a second of CPU, so call it when the first request is sent.
 * @param options `allowPrivate`: also to others, for tests and for services in the same network. `resolveName`: instead of the
 *   system's resolver. `timeLimit`: milliseconds for a connection. `agent`: further options of undici
 */
export async function createGuardedAgent(options: {
  allowPrivate: boolean;
  resolveName?: typeof lookUp | undefined;
  timeLimit: number;
  agent: Omit<Agent.Options, 'connect'>;
}): Promise<Agent> {
  const { Agent, buildConnector } = await import('undici');
  const { allowPrivate, resolveName = lookUp, timeLimit: timeout, agent } = options;
  if (allowPrivate) return new Agent({ ...agent, connect: { timeout } });
  const connect = buildConnector({ lookup: checkedLookup(resolveName), timeout });
  return new Agent({
    ...agent,
    connect(connectOptions, done) {
      // An address in the place of a name is not looked up.
      const host = connectOptions.hostname.replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0 && !isPublicAddress(host)) return done(refusal(host), null);
      connect(connectOptions, done);
    },
  });
}
