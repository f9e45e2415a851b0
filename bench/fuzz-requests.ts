import { ROUTES } from '../src/web/routes.ts';

/** A request as it goes over the wire, so that it may also break the rules of HTTP. */
export interface FuzzedRequest {
  method: string;
  target: string;
  headers: [string, string][];
  body: string;
}

/** What a person who is signed in and an application know: without it, no request would come past the first checks. */
export interface Known {
  /** The cookies of an administrator. */
  cookie: string;
  origin: string;
  clientId: string;
  authorization: string;
  /** An access token for a connected account, at the service with that name. */
  connected: { service: string; accessToken: string };
  redirectUri: string;
  /** Codes, tokens and ids, some of them used up. */
  values: string[];
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NASTY = [
  ...['', ' ', '\0', '\ud800', '%00', '%ff%fe', '%', '%zz', 'ÿ', '🔑'.repeat(40), 'x'.repeat(5000)],
  ...[
    "'",
    '"',
    "' OR 1=1 --",
    '<script>',
    '../../etc/passwd',
    '..%2f',
    '//evil.example',
    'javascript:alert(1)',
  ],
  ...[
    'null',
    'true',
    '-1',
    '0',
    '1e309',
    '99999999999999999999',
    'NaN',
    '[]',
    '{}',
    '[object Object]',
    '__proto__',
  ],
  ...[
    'constructor',
    'openid openid',
    'none login',
    'S256',
    'a\r\nX-Injected: 1',
    '2038-01-19',
    'urn:x:y',
    '\u202e',
  ],
  ...[
    '{"userinfo":{"email":null}}',
    '{"a":'.repeat(200),
    'data:,x',
    'http://[::1',
    'https://u:p@h/',
    '٣',
    'İ',
  ],
];

const PARAMETERS = (
  'client_id response_type redirect_uri scope state nonce code_challenge code_challenge_method prompt max_age claims ' +
  'acr_values login_hint id_token_hint display ui_locales request request_uri response_mode code code_verifier ' +
  'grant_type refresh_token token token_type_hint client_secret username password csrf decision email token link ' +
  'post_logout_redirect_uri logout xsrf step name label scopes roles expires max_uses interaction ceremony purpose ' +
  'response fields account id kid resource audience subject_token subject_token_type actor_token requested_token_type ' +
  'assertion device_code user_code dpop_jkt authorization_details client_assertion client_assertion_type auth_req_id ' +
  'login_hint_token binding_message user_code requested_expiry session client theme zoneinfo'
).split(' ');

const OTHER_GRANTS = ['device_code', 'token-exchange', 'jwt-bearer']
  .map((name) => `urn:ietf:params:oauth:grant-type:${name}`)
  .concat('urn:openid:params:grant-type:ciba');

/** An empty one stands for something made up. */
const UPSTREAM_PATHS = ['calendar/v3/users/me/calendarList', 'gmail/v1/users/me/profile', 'echo', '', ''];

const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND', 'get'];
const TYPES = [
  'application/x-www-form-urlencoded',
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded; charset=utf-16',
  '',
];
const HEADERS = [
  'Origin',
  'Referer',
  'Host',
  'Accept',
  'Accept-Language',
  'User-Agent',
  'DPoP',
  'Authorization',
].concat(
  [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Forwarded',
    'Cookie',
    'If-None-Match',
    'Range',
    'Content-Encoding',
  ],
  ['Expect', 'Upgrade', 'Sec-Fetch-Site', 'X-Request-Id', 'Transfer-Encoding', 'Content-Length'],
);

/** @returns a generator of requests: mostly right ones with one to three things wrong */
export function createFuzzer(random: () => number, known: Known): () => FuzzedRequest {
  const chance = (probability: number) => random() < probability;
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const RIGHT: Record<string, string> = {
    client_id: known.clientId,
    response_type: 'code',
    redirect_uri: known.redirectUri,
    scope: 'openid profile email offline_access',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    csrf: 'x',
    decision: 'allow',
  };

  function makeValue(name: string): string {
    if (chance(0.25)) return pick(NASTY);
    if (name === 'grant_type')
      return pick(['authorization_code', 'refresh_token', 'client_credentials', 'password', ...OTHER_GRANTS]);
    if (name === 'prompt') return pick(['none', 'login', 'consent', 'create', 'select_account']);
    return RIGHT[name] ?? pick(known.values);
  }

  function parametersOf(path: string): [string, string][] {
    const names =
      path === '/auth' && chance(0.8)
        ? [
            'client_id',
            'response_type',
            'redirect_uri',
            'scope',
            'code_challenge',
            'code_challenge_method',
            'state',
          ]
        : [];
    for (let count = Math.floor(random() * 6); count > 0; count -= 1) names.push(pick(PARAMETERS));
    return names.map((name) => [chance(0.02) ? pick(NASTY) : name, makeValue(name)]);
  }

  const makeSegment = () => (chance(0.3) ? pick(NASTY) : pick(known.values));

  /** Some bytes are left as they are, where a browser would have escaped them. */
  const encode = (text: string) =>
    chance(0.97) ? encodeURIComponent(text.toWellFormed()) : text.replace(/[\r\n ]/g, '');

  function bodyOf(type: string, parameters: [string, string][]): string {
    if (chance(0.03)) return pick(NASTY);
    if (!type.includes('json'))
      return parameters.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
    const members = Object.fromEntries(parameters);
    const json = JSON.stringify(chance(0.3) ? { ...members, fields: members, response: members } : members);
    return chance(0.05) ? json.slice(0, Math.floor(random() * json.length)) : json;
  }

  return () => {
    const route = pick(ROUTES);
    const parameters = parametersOf(route.path);
    let path = route.path.replace(/:(\w+)/g, (_, name) =>
      name === 'service' && chance(0.8) ? known.connected.service : encode(makeSegment()),
    );
    if (path.endsWith('/*')) path = path.replace('*', pick(UPSTREAM_PATHS) || encode(makeSegment()));
    if (chance(0.02))
      path = pick(['*', '//', '/%', '//a?@b#', '/..', `${known.origin}/`, `/${'a/'.repeat(500)}`, '/\\']);
    const isPost = route.form !== 'none' || route.path.startsWith('/token');
    const method = chance(0.06) ? pick(METHODS) : isPost && chance(0.6) ? 'POST' : 'GET';
    const type = chance(0.1) ? pick(TYPES) : (TYPES[route.form === 'json' ? 1 : 0] as string);
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const query = parameters.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
    const headers: [string, string][] = [
      ['X-Forwarded-For', `198.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}.7`],
      ['Accept', pick(['text/html', 'application/json', '*/*', ''])],
    ];
    if (hasBody) headers.push(['Origin', known.origin], ['Content-Type', type]);
    if (chance(0.6)) headers.push(['Cookie', known.cookie]);
    const authorization = route.path.endsWith('/*')
      ? `Bearer ${known.connected.accessToken}`
      : known.authorization;
    if (route.audience === 'endpoint' && chance(0.6)) headers.push(['Authorization', authorization]);
    if (chance(0.15)) headers.push([pick(HEADERS), pick(NASTY).replace(/[\0\r\n]|[^\0-ÿ]/g, '')]);
    return {
      method,
      target: query && !hasBody ? `${path}?${query}` : path,
      headers,
      body: hasBody ? bodyOf(type, parameters) : '',
    };
  };
}
