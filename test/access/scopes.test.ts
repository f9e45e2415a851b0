import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { covers, limitToCeiling, limitToClient } from '../../src/access/scopes.ts';
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
    [[':*'], ':x', true],
    [['*'], 'profile', false],
    [[], 'profile', false],
  ];
  for (const [held, scope, expected] of cases) {
    test(`${JSON.stringify(held)} ${expected ? 'cover' : 'do not cover'} ${scope}`, () =>
      assert.equal(covers(held, scope), expected));
  }

  test('that are wildcards are never in a token', () => {
    assert.deepEqual(limitToClient(['openid', '*:*', 'calendar:*'], ['*:*'], true), ['openid']);
  });

  test('include offline_access for a client with the refresh token grant only, whatever its list contains', () => {
    assert.deepEqual(limitToClient(['openid', 'offline_access'], ['openid', 'offline_access'], false), [
      'openid',
    ]);
    assert.deepEqual(limitToClient(['openid', 'offline_access'], ['openid'], true), [
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

  test('of Latchkey itself are granted for an hour at most', () => {
    assert.equal(createAccessTokenLife(86_400)(undefined, { scope: 'openid latchkey:audit.read' }), 3600);
    assert.equal(createAccessTokenLife(600)(undefined, { scope: 'latchkey:keys' }), 600);
    assert.equal(createAccessTokenLife(86_400)(undefined, { scope: 'openid' }), 86_400);
  });
});
