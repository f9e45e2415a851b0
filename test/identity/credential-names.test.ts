import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultName, distinctName } from '../../src/identity/passkeys/authenticator-names.ts';

const device = {
  aaguid: '00000000-0000-0000-0000-000000000000',
  transports: ['internal'],
  device_type: 'singleDevice',
  backed_up: false,
} as const;

test('a passkey of a device is named after the device of the browser', () => {
  const nameOn = (userAgent?: string) =>
    defaultName({ ...device, transports: ['internal'] }, new Map(), userAgent);
  assert.equal(nameOn('Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)'), 'iPhone');
  assert.equal(nameOn('Mozilla/5.0 (Windows NT 10.0; Win64; x64)'), 'Windows computer');
  assert.equal(nameOn('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)'), 'Mac');
  assert.equal(nameOn('curl/8'), 'This device');
  assert.equal(nameOn(undefined), 'This device');
});

test('two credentials of an account get different names', () => {
  assert.equal(distinctName('Mac', []), 'Mac');
  assert.equal(distinctName('Mac', ['Mac', 'Phone']), 'Mac 2');
  assert.equal(distinctName('Mac', ['Mac', 'Mac 2']), 'Mac 3');
});
