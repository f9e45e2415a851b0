import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digest } from '../../src/kit/ids.ts';
import { hashTokenValue, isOfOtherKind } from '../../src/oidc/storage/token-values.ts';

const random = 'R'.repeat(43);
const mint = (letter: string, time: string, rest = random) => `${letter}${time}${rest}`;

describe('the values of codes and tokens', () => {
  test('are stored in the order in which they were issued, each under a key of its own', () => {
    const [early, late] = [mint('a', '0mgx2b4c'), mint('a', '0mgx2b4d')];
    assert.ok(hashTokenValue(early) < hashTokenValue(late));
    assert.notEqual(hashTokenValue(early), hashTokenValue(mint('a', '0mgx2b4c', random.replace('R', 'S'))));
    assert.equal(hashTokenValue(early).length, 43);
    assert.ok(!hashTokenValue(early).includes(random.slice(0, 8)));
  });

  test('of any other shape are stored under their digest, so none of their characters reach the database', () => {
    const strange = [mint('a', '0mgx\0b4c'), mint('x', '0mgx2b4c'), mint('a', '0MGX2B4C')];
    for (const value of [random, '', 'a0mgx2b4c', `${mint('a', '0mgx2b4c')}x`, ...strange])
      assert.equal(hashTokenValue(value), digest(value));
  });

  test('name their kind by the first letter; values of other shapes name none', () => {
    assert.equal(isOfOtherKind('RefreshToken', mint('a', '0mgx2b4c')), true);
    assert.equal(isOfOtherKind('ClientCredentials', mint('a', '0mgx2b4c')), false);
    assert.equal(isOfOtherKind('RefreshToken', random), false);
    assert.equal(isOfOtherKind('DeviceCode', mint('a', '0mgx2b4c')), false);
  });
});
