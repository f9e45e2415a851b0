import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRESETS } from '../../src/connections/services/presets.ts';
import { GOOGLE_DISCOVERY } from '../support/fixtures/google.ts';
import { MOTION_LIMITS, MOTION_USER } from '../support/fixtures/motion.ts';

test('the preset of Google has the endpoints of its discovery document', () => {
  const { google } = PRESETS;
  assert.deepEqual(
    [google?.issuer, google?.authUrl, google?.tokenUrl, google?.revokeUrl, google?.userinfoUrl],
    [
      GOOGLE_DISCOVERY.issuer,
      GOOGLE_DISCOVERY.authorization_endpoint,
      GOOGLE_DISCOVERY.token_endpoint,
      GOOGLE_DISCOVERY.revocation_endpoint,
      GOOGLE_DISCOVERY.userinfo_endpoint,
    ],
  );
  const method = String(google?.settings.clientAuth);
  assert.ok(GOOGLE_DISCOVERY.token_endpoint_auth_methods_supported.includes(method), method);
});

test('the preset of Motion reads who a key belongs to, and keeps to the limit of one person', () => {
  const { identity, rateLimit } = PRESETS.motion?.settings ?? {};
  assert.ok(identity && identity.id in MOTION_USER && String(identity.email) in MOTION_USER);
  assert.deepEqual(rateLimit, { requests: MOTION_LIMITS.individual, seconds: 60 });
});
