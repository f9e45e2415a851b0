import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import { loadConfig } from '../../src/config/index.ts';
import { createAddressReader } from '../../src/web/client-address.ts';
import { addressOf } from '../../src/web/ip-address.ts';

const PROXY = '10.0.0.7';

/** The address of a request with those headers that came over a connection from `remoteAddress`. */
function read(trusted: number | string[], headers: Record<string, string>, remoteAddress = PROXY) {
  const request = { headers, socket: { remoteAddress } } as unknown as IncomingMessage;
  return addressOf(createAddressReader(trusted)(request));
}

const chain = (...hops: string[]) => ({ 'x-forwarded-for': hops.join(', ') });

describe('the address of a client', () => {
  test('is that of the connection when no proxy is trusted', () => {
    assert.equal(read(0, { ...chain('203.0.113.9'), forwarded: 'for=203.0.113.9' }), PROXY);
    assert.equal(read(1, {}), PROXY);
  });

  test('is what the nearest trusted proxies wrote, and forged entries before it are ignored', () => {
    assert.equal(read(1, chain('203.0.113.9')), '203.0.113.9');
    assert.equal(read(1, chain('198.51.100.1', '203.0.113.9')), '203.0.113.9');
    assert.equal(read(2, chain('198.51.100.1', '203.0.113.9', '10.0.0.8')), '203.0.113.9');
    // One proxy less than configured.
    assert.equal(read(2, chain('203.0.113.9')), '203.0.113.9');
    assert.equal(read(1, chain('203.0.113.9', 'unknown')), undefined);
  });

  test('is the first one that is no listed proxy', () => {
    const proxies = ['10.0.0.0/8', '2001:db8:7::/48'];
    assert.equal(read(proxies, chain('198.51.100.1', '203.0.113.9', '10.1.2.3')), '203.0.113.9');
    assert.equal(read(proxies, chain('203.0.113.9', '[2001:db8:7::1]:80'), '::ffff:10.0.0.7'), '203.0.113.9');
    assert.equal(read(proxies, chain('10.9.9.9')), '10.9.9.9');
    // Not from a proxy, so nothing in its headers counts.
    assert.equal(read(proxies, chain('203.0.113.9'), '192.0.2.1'), '192.0.2.1');
  });

  test('may come with a port, in either header', () => {
    assert.equal(read(1, chain('203.0.113.9:51234')), '203.0.113.9');
    assert.equal(read(1, chain('[2001:db8::1]:443')), '2001:db8::1');
    assert.equal(read(1, chain('2001:db8::1')), '2001:db8::1');
    for (const [forwarded, expected] of [
      ['for=203.0.113.9', '203.0.113.9'],
      ['for="203.0.113.9:51234";proto=https', '203.0.113.9'],
      ['proto=https;For="[2001:db8::1]:443" ; by=10.0.0.1', '2001:db8::1'],
      ['for=198.51.100.1, for=203.0.113.9;host="a,b"', '203.0.113.9'],
      ['for=_hidden', undefined],
      ['for=203.0.113.9, proto=https', undefined],
      ['for=198.51.100.1, , for=203.0.113.9, ', '203.0.113.9'],
      ['for=203.0.113.9;host="a\\", for=198.51.100.1"', '203.0.113.9'],
      ['for=203.0.113.9;host="a\\\\"', '203.0.113.9'],
    ] as const)
      assert.equal(read(1, { forwarded }), expected, forwarded);
  });

  test('is what the proxy wrote after a quote that the client left open', () => {
    for (const open of ['"', 'for="', 'for="198.51.100.1', 'x="\\', 'x="\\"', 'for=198.51.100.1;x="y", "'])
      for (const added of ['for="[2001:db8::1]:4711"', 'for="[2001:db8::1]";host="a, for=198.51.100.1;b=c"'])
        assert.equal(read(1, { forwarded: `${open}, ${added}` }), '2001:db8::1', open);
  });

  test('is found in a header of any content without comparing all its characters with each other', () => {
    const cpuOf = (forwarded: string) => {
      const before = process.cpuUsage();
      read(1, { forwarded });
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    for (const part of ['"\\', '"', '\\', '",', ';for=', ';for="', '" ,', ', '])
      assert.ok(
        cpuOf(part.repeat(20_000 / part.length)) <
          30 * Math.max(cpuOf(part.repeat(2000 / part.length)), 1000),
        part,
      );
  });

  test('comes from X-Forwarded-For when a client sends Forwarded beside it', () => {
    assert.equal(read(1, { ...chain('203.0.113.9'), forwarded: 'for=198.51.100.1' }), '203.0.113.9');
  });
});

test('LATCHKEY_TRUST_PROXY is on, off, a number of proxies, or a list of networks', () => {
  const parse = (LATCHKEY_TRUST_PROXY: string) =>
    loadConfig({ LATCHKEY_SECRETS: 'kN4z0q7Xb2Lw9cVt5Yh8Rj3Ms6Pd1Ga+', LATCHKEY_TRUST_PROXY }).trustProxy;
  for (const [value, expected] of [
    ['true', 1],
    ['false', 0],
    ['0', 0],
    ['2', 2],
    ['10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
  ] as const)
    assert.deepEqual(parse(value), expected);
  for (const wrong of ['maybe', '21', '-1', '10.0.0.0/33', '10.0.0.0/8,x', '1.5'])
    assert.throws(() => parse(wrong), /LATCHKEY_TRUST_PROXY must be true, false, a number/, wrong);
});
