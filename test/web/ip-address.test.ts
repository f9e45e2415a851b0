import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressOf, networkOf } from '../../src/web/ip-address.ts';

describe('an address', () => {
  for (const [given, expected] of Object.entries({
    '192.0.2.1': '192.0.2.1',
    ' 192.0.2.1 ': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::FFFF:c000:201': '192.0.2.1',
    '0:0:0:0:0:ffff:c000:0201': '192.0.2.1',
    '2001:DB8:0:0:1::0001': '2001:db8::1:0:0:1',
    'fe80::1%eth0': 'fe80::1',
    '::1': '::1',
    '203.0.113.9:51234': '203.0.113.9',
    '[2001:db8::1]:443': '2001:db8::1',
    '[::1]': '::1',
    '[::ffff:192.0.2.1]:80': '192.0.2.1',
  })) {
    test(`${given} is ${expected}`, () => assert.equal(addressOf(given), expected));
  }

  for (const given of [
    '',
    'unknown',
    '192.0.2.1:',
    '[192.0.2.1',
    '[x]:1',
    '192.0.2',
    '1e3',
    '::1/64',
    '_hidden',
  ]) {
    test(`${given || 'nothing'} is not one, and shares one limit with all others that are not`, () => {
      assert.equal(addressOf(given), undefined);
      assert.equal(networkOf(given), networkOf(undefined));
    });
  }
});

describe('a limit', () => {
  test('is shared by a /64, and by an IPv4 address in all its forms', () => {
    const one = ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:1:2::'].map(networkOf);
    assert.deepEqual(new Set(one).size, 1);
    const mapped = ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'].map(networkOf);
    assert.deepEqual(new Set(mapped).size, 1);
  });

  test('is not shared with the next /64 or the next IPv4 address', () => {
    const all = [
      '2001:db8:1:2::1',
      '2001:db8:1:3::1',
      '2001:db8::1',
      '192.0.2.1',
      '192.0.2.2',
      '::1',
      undefined,
    ];
    assert.equal(new Set(all.map(networkOf)).size, all.length);
  });
});
