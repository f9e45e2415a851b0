import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeScope } from '../../src/access/consent-descriptions.ts';
import { describeGrant } from '../../src/access/invitation-descriptions.ts';
import { covers, isBuiltIn, limitToAllowed, limitToCeiling } from '../../src/access/scopes.ts';
import { createAccessTokenLife } from '../../src/oidc/token-scope.ts';

describe('scopes', () => {
  const cases: [held: string[], scope: string, expected: boolean][] = [
    [['*:*'], 'calendar:write', true],
    [['*:*'], 'profile', true],
    [['calendar:*'], 'calendar:write', true],
    [['calendar:*'], 'calendar:write.read', true],
    [['calendar:*'], 'calendars:write', false],
    [['calendar:*'], 'calendar', false],
    [['latchkey:audit'], 'latchkey:audit.read', true],
    [['latchkey:audit.read'], 'latchkey:audit', false],
    [['latchkey:*'], 'latchkey:keys', true],
    [['profile'], 'email', false],
    [['connections:google.write'], 'connections:google.read', true],
    [['connections:google.write'], 'connections:google.write', true],
    [['connections:google.read'], 'connections:google.write', false],
    [['connections:google.write'], 'connections:motion.read', false],
    [['connections:google.write'], 'connections:google.write.read', true],
    [['connections:*'], 'connections:google.write', true],
    [['calendar:notes.write'], 'calendar:notes.read', false],
    [[':*'], ':x', true],
    [['*'], 'profile', false],
    [[], 'profile', false],
  ];
  for (const [held, scope, expected] of cases) {
    test(`${JSON.stringify(held)} ${expected ? 'cover' : 'do not cover'} ${scope}`, () =>
      assert.equal(covers(held, scope), expected));
  }

  test('that are wildcards are never in a token', () => {
    assert.deepEqual(limitToAllowed(['openid', '*:*', 'calendar:*'], ['*:*'], true), ['openid']);
  });

  test('include offline_access for a client with the refresh token grant only, whatever its list contains', () => {
    assert.deepEqual(limitToAllowed(['openid', 'offline_access'], ['openid', 'offline_access'], false), [
      'openid',
    ]);
    assert.deepEqual(limitToAllowed(['openid', 'offline_access'], ['openid'], true), [
      'openid',
      'offline_access',
    ]);
  });

  test('of the protocol are not limited by a ceiling', () => {
    assert.deepEqual(limitToCeiling(['openid', 'offline_access', 'profile', 'email'], ['email']), [
      'openid',
      'offline_access',
      'email',
    ]);
  });

  test('of connected accounts belong to this server, so no API serves them and no application registers itself for them', () => {
    assert.ok(['connections:google.read', 'connections:x.write', 'connections:*'].every(isBuiltIn));
    assert.ok(!isBuiltIn('connection:google.read'));
  });

  test('of connected accounts are said in plain words', () => {
    assert.equal(
      describeScope('connections:google.read'),
      'See your data at Google, with the account that you connect',
    );
    assert.equal(
      describeScope('connections:my-crm.write'),
      'See, add, change and delete your data at My crm, with the account that you connect',
    );
    assert.equal(
      describeGrant('connections:motion.write'),
      'Letting applications see and change your data at Motion',
    );
  });

  test('of Latchkey itself are granted for an hour at most', () => {
    assert.equal(createAccessTokenLife(86_400)(undefined, { scope: 'openid latchkey:audit.read' }), 3600);
    assert.equal(createAccessTokenLife(600)(undefined, { scope: 'latchkey:keys' }), 600);
    assert.equal(createAccessTokenLife(86_400)(undefined, { scope: 'openid' }), 86_400);
  });
});
