import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digest } from '../../src/kit/ids.ts';
import { isOfAnother, keyOf } from '../../src/oidc/storage/token-values.ts';

const random = 'R'.repeat(43);
const issued = (letter: string, at: string, rest = random) => `${letter}${at}${rest}`;

describe('the values of codes and tokens', () => {
  test('rest in the order in which they were issued, each under a key of its own', () => {
    const [early, late] = [issued('a', '0mgx2b4c'), issued('a', '0mgx2b4d')];
    assert.ok(keyOf(early) < keyOf(late));
    assert.notEqual(keyOf(early), keyOf(issued('a', '0mgx2b4c', random.replace('R', 'S'))));
    assert.equal(keyOf(early).length, 43);
    assert.ok(!keyOf(early).includes(random.slice(0, 8)));
  });

  test('of any other shape rest under their digest, and nothing of them reaches the database', () => {
    const strange = [issued('a', '0mgx\0b4c'), issued('x', '0mgx2b4c'), issued('a', '0MGX2B4C')];
    for (const value of [random, '', 'a0mgx2b4c', `${issued('a', '0mgx2b4c')}x`, ...strange])
      assert.equal(keyOf(value), digest(value));
  });

  test('say of what kind they are, and others say nothing', () => {
    assert.equal(isOfAnother('RefreshToken', issued('a', '0mgx2b4c')), true);
    assert.equal(isOfAnother('ClientCredentials', issued('a', '0mgx2b4c')), false);
    assert.equal(isOfAnother('RefreshToken', random), false);
    assert.equal(isOfAnother('DeviceCode', issued('a', '0mgx2b4c')), false);
  });
});
