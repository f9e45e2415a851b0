import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKey } from '../../src/oidc/signing-keys/generate.ts';

test('no key id begins with a hyphen, which a command would take for an option', async () => {
  // One digest in 64 begins with a hyphen, so 600 keys without one happen by chance once in 12,000 runs.
  for (let count = 0; count < 600; count++) {
    const { publicJwk } = await generateKey('EdDSA');
    assert.doesNotMatch(publicJwk.kid, /^-/);
  }
});
