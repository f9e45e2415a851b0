import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { covers, limitToCeiling, limitToClient } from '../../src/access/scopes.ts';
import { accessTokenTtl } from '../../src/oidc/token-scope.ts';

describe('powers', () => {
  const cases: [string[], string, boolean][] = [
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
  for (const [powers, scope, expected] of cases) {
    test(`${JSON.stringify(powers)} ${expected ? 'cover' : 'do not cover'} ${scope}`, () =>
      assert.equal(covers(powers, scope), expected));
  }

  test('a wildcard is never a scope of a token', () => {
    assert.deepEqual(limitToClient(['openid', '*:*', 'calendar:*'], ['*:*'], true), ['openid']);
  });

  test('offline_access is for who registered the refresh token grant, whatever the list says', () => {
    assert.deepEqual(limitToClient(['openid', 'offline_access'], ['openid', 'offline_access'], false), [
      'openid',
    ]);
    assert.deepEqual(limitToClient(['openid', 'offline_access'], ['openid'], true), [
      'openid',
      'offline_access',
    ]);
  });

  test('a ceiling speaks of powers, not of signing in', () => {
    assert.deepEqual(limitToCeiling(['openid', 'offline_access', 'profile', 'email'], ['email']), [
      'openid',
      'offline_access',
      'email',
    ]);
  });

  test('power over Latchkey itself lasts an hour at most', () => {
    assert.equal(accessTokenTtl(86_400, 'openid latchkey:audit.read'), 3600);
    assert.equal(accessTokenTtl(600, 'latchkey:keys'), 600);
    assert.equal(accessTokenTtl(86_400, 'openid'), 86_400);
  });
});
