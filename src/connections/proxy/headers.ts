/** Headers by their names in small letters, as Node and undici have them. */
export type Headers = Record<string, string | string[] | undefined>;

/** Headers of one network connection, not of the message (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/**
 * What a service must not get: the credential of the application, cookies of this server, where the request came from, and
 * what proxies in front of this server add.
 */
const NOT_SENT = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'connection-id',
  'cookie',
  'cookie2',
  'dpop',
  'expect',
  'forwarded',
  'host',
  'origin',
  'referer',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-goog-iap-jwt-assertion',
  'x-real-ip',
  'x-request-id',
]);
const NOT_SENT_BEGINNINGS =
  /^(?:x-forwarded-|x-original-|x-envoy-|x-client-(?:cert|verify)|ssl-client-|x-ssl-|cf-|sec-|access-control-)/;

// Many servers read `x_forwarded_for` like `x-forwarded-for`.
const isNotSent = (name: string) =>
  NOT_SENT.has(name) || NOT_SENT_BEGINNINGS.test(name) || name.includes('_');

/** Methods by another name. A service that obeys one does something else than the method says. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];
/** Methods that change something, wherever a service may read one. */
const CHANGING = /\b(?:POST|PUT|PATCH|DELETE|MERGE|MKCOL|MOVE|COPY|PROPPATCH|UNLOCK|LOCK)\b/g;

/**
 * What a browser would obey as if this server had said it, and what only the service itself may be asked. An answer is on
 * the origin of this server's own pages.
 */
const NOT_RETURNED = new Set([
  ...HOP_BY_HOP,
  'accept-ch',
  'age',
  'alt-svc',
  'cache-control',
  'clear-site-data',
  'content-location',
  'content-security-policy',
  'content-security-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'critical-ch',
  'dpop-nonce',
  'expires',
  'location',
  'nel',
  'observe-browsing-topics',
  'origin-agent-cluster',
  'permissions-policy',
  'pragma',
  'public-key-pins',
  'referrer-policy',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'sourcemap',
  'speculation-rules',
  'strict-transport-security',
  'supports-loading-mode',
  'www-authenticate',
  'x-content-type-options',
  'x-frame-options',
  'x-request-id',
  'x-sourcemap',
  'x-xss-protection',
]);
const NOT_RETURNED_BEGINNINGS = /^(?:access-control-|sec-|x-accel-|x-sendfile)/;

/**
 * Opened in a browser, an answer is a document of this server's origin. In a sandbox it has its own origin, runs no
 * script, sends no form and loads nothing. Nothing keeps it: the next person has the same URL.
 */
const FORCED = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The names that `Connection` adds to those of every connection. */
const namedByConnection = (headers: Headers): string[] =>
  String(headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());

/** Header values are bytes. undici reads them as UTF-8, and Node writes one byte for each character. */
const toBytes = (value: string) => Buffer.from(value).toString('latin1');

function select(headers: Headers, isDropped: (name: string) => boolean): Record<string, string | string[]> {
  const named = headers.connection === undefined ? [] : namedByConnection(headers);
  const selected: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !isDropped(name) && !named.includes(name)) selected[name] = value;
  }
  return selected;
}

/**
 * @param received headers of an application's request
 * @param credential the header that authenticates the connection, by its name in small letters
 * @returns the headers of the request to the service
 */
export function toService(received: Headers, credential: { name: string; value: string }) {
  const headers = select(received, isNotSent);
  headers[credential.name] = credential.value;
  return headers;
}

/**
 * @param answered headers of a service's response
 * @param location where it redirects to, if the application may learn that in `Location`
 * @returns the headers of the response to the application
 */
export function toApplication(answered: Headers, location: Record<string, string>) {
  const headers = select(answered, (name) => NOT_RETURNED.has(name) || NOT_RETURNED_BEGINNINGS.test(name));
  for (const [name, value] of Object.entries(headers))
    headers[name] = typeof value === 'string' ? toBytes(value) : value.map(toBytes);
  return Object.assign(headers, FORCED, location);
}

/**
 * What of a request might name another method: `?method=delete` in the Graph API of Facebook, `_method` in many frameworks, and
 * headers that only some services know. Other values, such as that of `payment_method`, name none.
 */
function findChangingMethods(headers: Headers, query: string): string[] {
  const parameters = new URLSearchParams(query.slice(1).replaceAll(';', '&'));
  const sent = Object.entries(headers).filter(([name]) => !isNotSent(name));
  return [...sent, ...parameters]
    .filter(([name]) => /method/i.test(name))
    .flatMap(([, value]) => String(value).toUpperCase().match(CHANGING) ?? []);
}

/**
 * @param query includes the question mark
 * @returns the methods that a service may understand: an override counts like the method itself
 */
export function methodsOf(method: string, headers: Headers, query: string): string[] {
  const overrides = METHOD_OVERRIDES.flatMap((name) => headers[name] ?? []);
  const named = [method, ...overrides].map((one) => one.trim().toUpperCase());
  return [...named, ...findChangingMethods(headers, query)];
}
