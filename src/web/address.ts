import { isIPv4, isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address, by the one parser that knows all its forms. */
function groupsOf(ip: string): number[] {
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = text.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

/**
 * An address and nothing else: behind a trusted proxy the header is still what somebody wrote.
 * @returns IPv4 as it is, also where it came as IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2); IPv6 in its
 *   shortest form (RFC 5952); undefined for anything else
 */
export function addressOf(ip: string): string | undefined {
  const plain = ip.trim().replace(/%.*$/, '');
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return undefined;
  const groups = groupsOf(plain);
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff)
    return new URL(`http://[${plain}]`).hostname.slice(1, -1);
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/**
 * Who shares a limit: an IPv4 address, or the /64 of an IPv6 one, which is the least that a network is given. What
 * is no address shares one with all else that is none, so that it goes free nowhere.
 */
export function neighbourhoodOf(ip: string | undefined): string {
  const address = ip === undefined ? undefined : addressOf(ip);
  if (address === undefined) return 'unknown';
  if (isIPv4(address)) return address;
  return `${groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}
