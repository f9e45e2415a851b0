import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeWithNames } from '../../src/connections/services/scopes-with-service-names.ts';

const find = async (name: string) => (name === 'github' ? { displayName: 'GitHub' } : undefined);

test('scopes of connections are described with the name of the service, and others are left', async () => {
  const scopes = [
    'connections:github.read',
    'connections:gone.write',
    'notes:read',
    'connections:github.write',
  ];
  const known = new Map([['connections:github.write', 'In the words of an administrator']]);
  assert.deepEqual(Object.fromEntries(await describeWithNames(scopes, known, find)), {
    'connections:github.read': 'See your data at GitHub, with the account that you connect',
    'connections:github.write': 'In the words of an administrator',
  });
});
