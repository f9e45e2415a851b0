import { isIPv4, isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address, from the URL parser, which knows all its forms. */
function groupsOf(ip: string): number[] {
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = text.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

/** Some proxies add the port: `192.0.2.1:80`, `[2001:db8::1]:443`. An IPv6 address in brackets may be without a port. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/;

/**
 * Accepts an address, with or without a port, and nothing else: behind a trusted proxy, too, a header can hold any text.
 * @returns IPv4 as it is, also from its IPv6 form (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2); IPv6 in its
 *   shortest form (RFC 5952); undefined for anything else
 */
export function addressOf(ip: string): string | undefined {
  const [, inBrackets, beforePort] = WITH_PORT.exec(ip.trim()) ?? [];
  const plain = (inBrackets ?? beforePort ?? ip.trim()).replace(/%.*$/, '');
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
 * @returns the key under which an address is limited: an IPv4 address, or the /64 of an IPv6 one, because one subscriber
 *   usually has a whole /64. Everything that is not an address shares one key, so that nothing is unlimited.
 */
export function networkOf(ip: string | undefined): string {
  const address = ip === undefined ? undefined : addressOf(ip);
  if (address === undefined) return 'unknown';
  if (isIPv4(address)) return address;
  return `${groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}
