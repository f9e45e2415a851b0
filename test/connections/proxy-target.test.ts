import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { methodsOf, toApplication, toService } from '../../src/connections/proxy/headers.ts';
import { readCall, toLocation } from '../../src/connections/proxy/target.ts';
import { findTarget } from '../../src/connections/services/api-target.ts';

const GOOGLE = [
  'https://www.googleapis.com/',
  'https://gmail.googleapis.com/gmail/',
  'https://people.googleapis.com/v1/',
];
const MOTION = ['https://api.usemotion.com/v1/'];

const urlOf = (bases: string[], path: string) => {
  const target = findTarget(bases, readCall(`/connections/service/proxy/${path}`));
  return `${target?.origin}${target?.path}`;
};

describe('the target of a call', () => {
  const harmless: [bases: string[], path: string, url: string][] = [
    [MOTION, 'users/me', 'https://api.usemotion.com/v1/users/me'],
    [MOTION, 'v1/users/me', 'https://api.usemotion.com/v1/users/me'],
    [MOTION, '', 'https://api.usemotion.com/v1/'],
    [MOTION, 'v10/users', 'https://api.usemotion.com/v1/v10/users'],
    [
      GOOGLE,
      'calendar/v3/calendars/a@b.example/events?x=1&y=%2F',
      'https://www.googleapis.com/calendar/v3/calendars/a@b.example/events?x=1&y=%2F',
    ],
    [GOOGLE, 'gmail/v1/users/me/profile', 'https://gmail.googleapis.com/gmail/v1/users/me/profile'],
    [GOOGLE, 'v1/people/me', 'https://people.googleapis.com/v1/people/me'],
    [MOTION, 'a%252520b', 'https://api.usemotion.com/v1/a%252520b'],
    [GOOGLE, 'projects/group%2Fname', 'https://www.googleapis.com/projects/group%2Fname'],
    [GOOGLE, 'evil@elsewhere.example/x', 'https://www.googleapis.com/evil@elsewhere.example/x'],
    [GOOGLE, 'https:x', 'https://www.googleapis.com/https:x'],
    [GOOGLE, ':8443/x', 'https://www.googleapis.com/:8443/x'],
    [GOOGLE, 'drive/v3/files/', 'https://www.googleapis.com/drive/v3/files/'],
    [
      GOOGLE,
      'x?to=https://elsewhere.example/..//',
      'https://www.googleapis.com/x?to=https://elsewhere.example/..//',
    ],
  ];
  for (const [bases, path, url] of harmless)
    test(`of "${path}" is ${url}`, () => assert.equal(urlOf(bases, path), url));

  const refused = [
    '../admin',
    'a/../../admin',
    'a/..',
    './a',
    '%2e%2e/admin',
    '.%2E/admin',
    '%252e%252e/admin',
    '%25252e%25252e/admin',
    '%2525252e%2525252e/admin',
    'a%2525252525b',
    'a/%2e%2e%2fadmin',
    '..%2f..%2fadmin',
    '..;/admin',
    '..;x=1/admin',
    '%2e%2e;/admin',
    '/elsewhere.example/x',
    '//elsewhere.example/x',
    'a//b',
    '%2f%2felsewhere.example',
    '%2Felsewhere.example',
    'a\\..\\b',
    'a%5c..%5cb',
    '\\\\elsewhere.example',
    'a%0d%0aX-Injected: yes',
    'a%00',
    'a%7f',
    'a b',
    'a#b',
    'ä',
    'https://elsewhere.example/',
    'x?a\tb',
  ];
  for (const path of refused)
    test(`is refused for ${JSON.stringify(path)}`, () =>
      assert.throws(() => urlOf(MOTION, path), { code: 'path_not_allowed' }));

  test('does not exist for a service without an API', () =>
    assert.equal(findTarget([], { path: 'x', query: '' }), undefined));
});

describe('a redirect of a service', () => {
  const options = { apiBaseUrls: MOTION, prefix: '/connections/motion/proxy' };
  const cases: [location: string, header: Record<string, string>][] = [
    ['/v1/users?x=1', { location: '/connections/motion/proxy/v1/users?x=1' }],
    ['https://api.usemotion.com/v1/a', { location: '/connections/motion/proxy/v1/a' }],
    ['/v2/users', { 'upstream-location': 'https://api.usemotion.com/v2/users' }],
    ['https://elsewhere.example/v1/a', { 'upstream-location': 'https://elsewhere.example/v1/a' }],
    ['//elsewhere.example/v1/a', { 'upstream-location': 'https://elsewhere.example/v1/a' }],
    ['https://x:y@api.usemotion.com/v1/a', { 'upstream-location': 'https://x:y@api.usemotion.com/v1/a' }],
    ['http://api.usemotion.com/v1/a', { 'upstream-location': 'http://api.usemotion.com/v1/a' }],
    ['javascript:alert(1)', {}],
    ['https://', {}],
  ];
  for (const [location, header] of cases)
    test(`to ${location}`, () =>
      assert.deepEqual(toLocation(location, 'https://api.usemotion.com/v1/users', options), header));
});

describe('the headers of a call', () => {
  const credential = { name: 'x-api-key', value: 'the key' };

  test('do not tell the service who called, and have its own credential', () => {
    const sent = toService(
      {
        accept: 'application/json',
        authorization: 'Bearer ours',
        connection: 'keep-alive, X-Secret',
        cookie: 'session=1',
        dpop: 'proof',
        forwarded: 'for=1',
        host: 'id.example',
        origin: 'https://app.example',
        prefer: 'respond-async',
        referer: 'https://app.example/',
        'connection-id': 'c1',
        'keep-alive': 'timeout=5',
        'proxy-authorization': 'Basic x',
        'sec-fetch-mode': 'cors',
        te: 'trailers',
        'transfer-encoding': 'chunked',
        upgrade: 'h2c',
        'x-api-key': 'theirs',
        'x-forwarded-for': '10.0.0.1',
        'x-forwarded-host': 'id.example',
        'x-real-ip': '10.0.0.1',
        'x-secret': 'of this connection',
        x_forwarded_for: '10.0.0.1',
        x_http_method_override: 'DELETE',
      },
      credential,
    );
    assert.deepEqual(sent, { accept: 'application/json', prefer: 'respond-async', 'x-api-key': 'the key' });
  });

  test('cannot take the credential away by naming it in Connection', () =>
    assert.equal(toService({ connection: 'x-api-key' }, credential)['x-api-key'], 'the key'));

  test('of the answer cannot act in the name of this server', () => {
    const answered = toApplication(
      {
        'access-control-allow-origin': '*',
        'cache-control': 'public, max-age=600',
        'clear-site-data': '"*"',
        connection: 'x-internal',
        'content-security-policy': "default-src 'unsafe-inline'",
        'content-type': 'text/html',
        etag: '"1"',
        location: 'https://elsewhere.example/',
        refresh: '0; url=https://elsewhere.example/',
        'service-worker-allowed': '/',
        'set-cookie': ['session=theirs'],
        'strict-transport-security': 'max-age=0',
        'www-authenticate': 'Basic realm="Enter your password"',
        'x-accel-redirect': '/internal',
        'x-content-type-options': 'none',
        'x-internal': '1',
        'x-title': 'Ebbe – 潮',
      },
      {},
    );
    assert.deepEqual(answered, {
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'content-type': 'text/html',
      'cross-origin-resource-policy': 'same-origin',
      etag: '"1"',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-title': Buffer.from('Ebbe – 潮').toString('latin1'),
    });
  });

  test('that name another method count like it', () => {
    assert.deepEqual(methodsOf('GET', { 'x-http-method-override': 'tidy' }, ''), ['GET', 'TIDY']);
    for (const name of ['x-httpmethod-override', 'http-method', 'x-rewrite-method'])
      assert.deepEqual(methodsOf('GET', { [name]: 'get, delete' }, ''), ['GET', 'DELETE'], name);
    for (const query of ['?method=delete', '?x=1&_method=Patch', '?%6Dethod=PUT', '?a;$httpMethod=POST'])
      assert.equal(methodsOf('GET', {}, query).length, 2, query);
    const harmless = { 'x-payment-method': 'card', 'access-control-request-method': 'DELETE' };
    assert.deepEqual(methodsOf('GET', harmless, '?method=flickr.photos.search&q=DELETE'), ['GET']);
  });
});
