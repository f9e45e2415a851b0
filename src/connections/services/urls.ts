import { isIP } from 'node:net';
import { z } from 'zod';
import { isPublicAddress } from '../../kit/guarded-agent.ts';

const MAX_URL_LENGTH = 1000;
/** Endings of names that are resolved inside a network alone (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`). */
const PRIVATE_NAMES = /(^|\.)(localhost|local|internal|lan|home\.arpa)$/;

/** Whether a host is an address or a name of a private network. A public name can still lead there: requests check that. */
function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return !isPublicAddress(host);
  return PRIVATE_NAMES.test(host) || !host.includes('.');
}

/** Whether the text is what the URL parser makes of it, so that every reader sees the same host and path. */
function isNormal(text: string, url: URL): boolean {
  return url.href === text || url.href === `${text}/`;
}

/** @returns what is wrong with a URL, or undefined */
function findFault(
  text: string,
  options: { allowPrivate: boolean; mayHaveQuery: boolean },
): string | undefined {
  const { allowPrivate } = options;
  if (text.length > MAX_URL_LENGTH) return `has at most ${MAX_URL_LENGTH} characters`;
  const url = URL.parse(text);
  if (!url) return 'is no URL such as https://api.example.com/v1';
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    return `begins with https://${url.protocol === 'http:' ? ', unless LATCHKEY_ALLOW_PRIVATE_SERVICES is set' : ''}`;
  if (url.username !== '' || url.password !== '') return 'contains no user name or password';
  if (text.includes('#')) return 'has no fragment (#)';
  if (text.includes('?') && !options.mayHaveQuery) return 'has no query (?)';
  if (url.hostname.endsWith('.')) return 'has a host without a dot at its end';
  if (!isNormal(text, url))
    return `is written in its normal form, without \`..\`, \`\\\`, spaces or control characters: ${url.href}`;
  if (/%2e|%2f|%5c|%00/i.test(url.pathname)) return 'has a path without encoded dots, slashes or NUL';
  if (!allowPrivate && isPrivateHost(url.hostname))
    return `has a host on the public internet. ${url.hostname} is not, and LATCHKEY_ALLOW_PRIVATE_SERVICES is not set`;
  return undefined;
}

/**
 * The schema of a URL of a service.
 * @param what begins the messages: `The token endpoint`
 * @param options `mayHaveQuery`: an endpoint may (RFC 6749 section 3.1), the base URL of an API not
 */
export const serviceUrl = (
  what: string,
  options: { allowPrivate: boolean; mayHaveQuery: boolean; maximum?: number },
) =>
  z.string(`${what} is a URL`).superRefine((text, context) => {
    const tooLong = options.maximum !== undefined && text.length > options.maximum;
    const fault = tooLong ? `has at most ${options.maximum} characters` : findFault(text, options);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: `${what} ${fault}` });
  });

/** The base URL of an API ends with a slash, so that `https://api.example/v1` does not include `https://api.example/v1secret`. */
export const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`);

/** Whether a credential may be sent to a URL. */
export const isBelow = (url: string, bases: string[]) =>
  bases.some((base) => withSlash(url).startsWith(base));
