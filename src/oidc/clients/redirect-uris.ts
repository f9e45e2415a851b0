import { BlockList, isIPv4 } from 'node:net';
import { z } from 'zod';

/** The three ways to name the own device. None of them stands for another one. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:\/.*)?)$/;

/** Schemes that a browser or the system answers itself, so that no application can own them. Those of one letter are drives. */
const RESERVED_SCHEMES =
  /^([a-z]|about|blob|chrome|content|data|file|filesystem|ftp|intent|jar|javascript|ldap|mailto|ms-.*|search|search-ms|shell|smb|sms|ssh|tel|telnet|urn|vbscript|view-source|wss?):$/;

/** RFC 1918, 6598 and 4193. */
const PRIVATE_ADDRESSES = new BlockList();
PRIVATE_ADDRESSES.addSubnet('10.0.0.0', 8);
PRIVATE_ADDRESSES.addSubnet('172.16.0.0', 12);
PRIVATE_ADDRESSES.addSubnet('192.168.0.0', 16);
PRIVATE_ADDRESSES.addSubnet('100.64.0.0', 10);
PRIVATE_ADDRESSES.addSubnet('fc00::', 7, 'ipv6');

/** Names that only a private network has (RFC 6762 and 8375), or that have no domain. */
const PRIVATE_NAME = /^([a-z0-9-]+|.+\.(local|lan|internal|home\.arpa))$/;

function isPrivateHost(host: string): boolean {
  if (isIPv4(host)) return PRIVATE_ADDRESSES.check(host);
  if (host.startsWith('[')) return PRIVATE_ADDRESSES.check(host.slice(1, -1), 'ipv6');
  return PRIVATE_NAME.test(host);
}

/** Whether the URI has a scheme of an application on the device (RFC 8252 section 7.1). */
export const isPrivateUse = (uri: string): boolean => !/^https?:/i.test(uri);

/** A name as in DNS, or an IP address. The URL parser also takes `;`, `,`, `$` and quotes, which mean something in the headers of pages. */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/;

export const isLoopback = (uri: string): boolean => LOOPBACK.test(uri);

/** Whether the registered URI leaves the port to the application. */
export const isLoopbackWithoutPort = (uri: string): boolean => {
  const match = LOOPBACK.exec(uri);
  return match !== null && match[2] === undefined;
};

const isHttpInPrivateNetwork = (url: URL) => url.protocol === 'http:' && isPrivateHost(url.hostname);

/**
 * Requests must name a redirect URI byte for byte (RFC 9700 section 2.1), so a careless one can be stopped only here.
 * @returns what is wrong with the URI, to follow the URI in a sentence; undefined when nothing is
 */
function redirectUriFault(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (
    !url ||
    /[\s\\]/.test(uri) ||
    [...uri].some((char) => char.charCodeAt(0) < 0x21 || char.charCodeAt(0) > 0x7e)
  ) {
    return 'is not an absolute URI in ASCII';
  }
  if (uri.includes('#')) return 'has a fragment; remove # and what follows';
  if (uri.includes('*')) return 'has a wildcard; register each URI separately';
  if (url.username || url.password) return 'contains a user name or password';
  if (/^https?:$/.test(url.protocol) && !HOST.test(url.hostname))
    return 'has a host with characters that no host name has';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol === 'http:')
    return isLoopback(uri) || isHttpInPrivateNetwork(url)
      ? undefined
      : 'uses http, which is allowed for loopback addresses and private networks only; use https';
  return RESERVED_SCHEMES.test(url.protocol) || !/^[a-z][a-z0-9.+-]*:$/.test(url.protocol)
    ? `uses the scheme ${url.protocol}, which no application can own; use https, or a reversed domain name such as com.example.app:`
    : undefined;
}

/** @returns what an administrator has to know about a URI that is allowed; undefined when nothing */
export function redirectUriWarning(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return undefined;
  if (isHttpInPrivateNetwork(url) && !isLoopback(uri))
    return `The redirect URI ${uri} is not encrypted. Anyone in that network can read its codes.`;
  if (isPrivateUse(uri) && !url.protocol.includes('.'))
    return `The scheme ${url.protocol} is not a reversed domain name. Other programs may use it, too, and get the codes.`;
  return undefined;
}

/**
 * Whether a request's redirect URI is a registered one (RFC 9700 section 2.1). A program on the user's device cannot
 * know which port is free, so a loopback address may have another port than the registered one (RFC 8252 section 7.3).
 * @param anyPort whether the application is a program on a device
 */
export function isRegistered(uri: string, registered: readonly string[], anyPort: boolean): boolean {
  if (registered.includes(uri)) return true;
  const [, host, port, rest] = (anyPort && LOOPBACK.exec(uri)) || [];
  if (host === undefined || Number(port) > 65_535 || Number(port) === 0 || /[\s#\\]/.test(String(rest)))
    return false;
  return registered.some((one) => {
    const match = LOOPBACK.exec(one);
    return match?.[1] === host && match[3] === rest;
  });
}

const redirectUri = z
  .string()
  .max(2000, 'A redirect URI has at most 2000 characters')
  .check((context) => {
    const fault = redirectUriFault(context.value);
    if (fault)
      context.issues.push({
        code: 'custom',
        input: context.value,
        message: `The redirect URI ${context.value} ${fault}`,
      });
  });

/** The redirect URIs of one kind, as an operator or an application gives them. */
export const redirectUris = z
  .array(redirectUri)
  .max(50, 'An application has at most 50 redirect URIs of a kind');
