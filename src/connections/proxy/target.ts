import { refuse } from '../../kit/errors.ts';
import { findTarget } from '../services/api-target.ts';

/** The path of the proxy: `/connections/<service>/proxy/<path>`. */
const PROXY_PATH = /^\/connections\/([^/]+)\/proxy(?:\/(.*))?$/is;

/** A call of an application, as its URL names it. */
export interface NamedCall {
  service: string;
  /** Below the base URL of the API, as it was sent, without a slash at the beginning. */
  path: string;
  /** The query as it was sent, with its question mark; empty for a URL without one. */
  query: string;
}

/** Characters of a path (RFC 3986 section 3.3). A browser or a library sends every other one percent-encoded. */
const PATH = /^[\w\-.~!$&'()*+,;=:@/%]*$/;
/** Encoded controls, backslashes and DEL. No API names anything by them, and some servers decode a backslash to a slash. */
const FORBIDDEN_ENCODED = /%(?:[01][0-9a-f]|5c|7f)/i;
/** How often a chain of servers might decode a path. One that is encoded more often is refused: no API has any. */
const MAX_DECODINGS = 3;

/** Whether a segment leads upwards or nowhere. Some servers ignore what follows a semicolon. */
const isDotSegment = (segment: string) => /^\.{1,2}(?:;|$)/.test(segment);

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // The path is not UTF-8. The dots and slashes, which matter here, are ASCII.
    return path.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

/** Whether a path could name something outside of the base URL, for any server that decodes it, even repeatedly. */
function leadsElsewhere(path: string): boolean {
  let read = path;
  for (let times = 0; times <= MAX_DECODINGS; times += 1) {
    const segments = read.split(/[/\\]/);
    if (read.includes('\\') || segments.some(isDotSegment)) return true;
    // Only the last segment may be empty: two slashes begin the name of a host.
    if (segments.slice(0, -1).includes('')) return true;
    const decoded = decode(read);
    if (decoded === read) return false;
    read = decoded;
  }
  return true;
}

/**
 * @param url path and query of the request, as they were sent
 * @throws LatchkeyError invalid_input when the path is not one below a base URL
 */
export function readCall(url: string): NamedCall {
  const [, whole = '', query = ''] = /^([^?]*)(.*)$/s.exec(url) ?? [];
  const [, service = '', path = ''] = PROXY_PATH.exec(whole) ?? [];
  if (
    !PATH.test(path) ||
    FORBIDDEN_ENCODED.test(path) ||
    leadsElsewhere(path) ||
    !/^[\x21-\x7e]*$/.test(query)
  )
    refuse(
      'path_not_allowed',
      'The path of the API has a segment . or .., two slashes in a row, a backslash or a character that is not percent-encoded.',
    );
  return { service: service.toLowerCase(), path, query };
}

/**
 * A redirect to another path of the API goes on through the proxy. Any other would lead the application, perhaps with its
 * token, to wherever the service says: `Upstream-Location` is a name that no library follows.
 * @param location of the response
 * @param asked the URL that was answered
 * @param prefix the path of the proxy for this service, without a slash at the end
 * @returns the header of the response to the application
 */
export function toLocation(
  location: unknown,
  asked: string,
  { apiBaseUrls, prefix }: { apiBaseUrls: readonly string[]; prefix: string },
): Record<string, string> {
  const url = typeof location === 'string' ? URL.parse(location, asked) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return {};
  const target = findTarget(apiBaseUrls, { path: url.pathname.slice(1), query: url.search });
  const isOfApi =
    url.username === '' && `${target?.origin}${target?.path}` === `${url.origin}${url.pathname}${url.search}`;
  return isOfApi ? { location: `${prefix}${url.pathname}${url.search}` } : { 'upstream-location': url.href };
}
