import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDistinguishedName } from '../../src/oidc/clients/certificate-names.ts';

describe('the name of a certificate (RFC 4514)', () => {
  test('is the same with other spaces, other escapes and another order in one part', () => {
    const same = [
      'CN=reports,O=Harbour\\, Ltd+L=Kiel',
      ' cn = reports , L=Kiel+O= Harbour\\2c\\20Ltd ',
      'CN=\\72eports,o=Harbour\\,\\ Ltd + l = Kiel',
    ];
    assert.equal(new Set(same.map(parseDistinguishedName)).size, 1);
  });

  test('keeps an escaped space at its end, and no other', () => {
    assert.equal(parseDistinguishedName('CN=a\\ '), parseDistinguishedName('CN=a\\20'));
    assert.equal(parseDistinguishedName('CN=a\\\\ '), parseDistinguishedName('CN=a\\5c'));
    assert.notEqual(parseDistinguishedName('CN=a\\ '), parseDistinguishedName('CN=a'));
  });

  test('has in each part a type and a value', () => {
    for (const name of ['', 'reports', '=reports', 'C N=reports', 'CN=reports,O'])
      assert.equal(parseDistinguishedName(name), undefined, name);
  });

  test('of many spaces is read at once', () => {
    const spaces = ' '.repeat(2000);
    const began = performance.now();
    parseDistinguishedName(`CN=${spaces}x${spaces}\\`);
    parseDistinguishedName(`CN=${spaces}\\ `);
    assert.ok(performance.now() - began < 1000);
  });
});
