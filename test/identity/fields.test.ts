import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalise, usernameField } from '../../src/identity/fields.ts';

test('a name that is too long is cut before it is normalised, and stays too long', () => {
  // Four characters that become one, as no others do.
  const letter = '\u1f82'.normalize('NFD');
  assert.equal(letter.length, 4);
  assert.equal(normalise(letter.repeat(20_000)).length, 256);
  assert.equal(normalise('\u0301\u0316'.repeat(20_000)).length, 1024);
  assert.equal(usernameField.safeParse(letter.repeat(20_000)).success, false);
  assert.equal(usernameField.safeParse('a'.repeat(255)).success, true);
});
