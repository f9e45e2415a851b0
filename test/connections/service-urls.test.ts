import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isBelow, serviceUrl } from '../../src/connections/services/urls.ts';

const faultOf = (text: string, allowPrivate = false, mayHaveQuery = true) =>
  serviceUrl('It', { allowPrivate, mayHaveQuery }).safeParse(text).error?.issues[0]?.message;

describe('the URL of a service', () => {
  for (const url of [
    'https://api.example.com',
    'https://api.example.com/v1/',
    'https://api.example.com:8443/v1',
    'https://login.example.com/authorize?tenant=a',
    'https://8.8.8.8/',
    'https://[2606:4700:4700::1111]/',
  ])
    test(`may be ${url}`, () => assert.equal(faultOf(url), undefined));

  const hostile: [url: string, message: RegExp][] = [
    ['', /no URL/],
    ['//api.example.com', /no URL/],
    ['javascript:alert(1)', /begins with https/],
    ['data:text/html,x', /begins with https/],
    ['file:///etc/passwd', /begins with https/],
    ['ftp://api.example.com/', /begins with https/],
    ['http://api.example.com/', /begins with https:\/\/, unless LATCHKEY_ALLOW_PRIVATE_SERVICES/],
    ['https://ada:secret@api.example.com/', /no user name or password/],
    ['https://api.example.com@evil.example/', /no user name or password/],
    ['https://api.example.com/#x', /no fragment/],
    ['https://api.example.com/#', /no fragment/],
    ['https://api.example.com./', /dot at its end/],
    ['https://api.example.com/a/../b', /normal form.*https:\/\/api\.example\.com\/b/],
    ['https://api.example.com/%2e%2e/b', /normal form/],
    ['https://api.example.com/a%2fb', /encoded dots, slashes or NUL/],
    ['https://api.example.com/a%5Cb', /encoded dots, slashes or NUL/],
    ['https://api.example.com/%00', /encoded dots, slashes or NUL/],
    ['https://api.example.com\\@evil.example/', /normal form/],
    ['https:api.example.com', /normal form/],
    ['https://api.example.com/\n', /normal form/],
    ['https://api.exam\tple.com/', /normal form/],
    [' https://api.example.com/', /normal form/],
    ['https://api.example.com/\u202egpj', /normal form/],
    ['https://bücher.example/', /normal form.*xn--/],
    [`https://api.example.com/${'a'.repeat(1000)}`, /at most 1000 characters/],
  ];
  for (const [url, message] of hostile)
    test(`may not be ${JSON.stringify(url.slice(0, 60))}`, () => {
      assert.match(faultOf(url) ?? '', message);
    });

  for (const host of [
    'localhost',
    'api.localhost',
    'printer.local',
    'db.internal',
    'router.lan',
    'nas.home.arpa',
    'intranet',
    '127.0.0.1',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '[::1]',
    '[fd00::1]',
    '[fe80::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
  ])
    test(`has no private host such as ${host}, unless that is allowed`, () => {
      assert.match(faultOf(new URL(`https://${host}/`).href) ?? '', /host on the public internet/);
      assert.equal(faultOf(new URL(`http://${host}/`).href, true), undefined);
    });

  test('has no query where it is the base of others', () => {
    assert.match(faultOf('https://api.example.com/?a=b', false, false) ?? '', /no query/);
  });

  test('is below another one only at a slash', () => {
    const bases = ['https://api.example.com/v1/'];
    assert.ok(isBelow('https://api.example.com/v1', bases));
    assert.ok(isBelow('https://api.example.com/v1/users', bases));
    assert.ok(!isBelow('https://api.example.com/v1secret', bases));
    assert.ok(!isBelow('https://api.example.com.evil.example/v1/', bases));
  });
});
