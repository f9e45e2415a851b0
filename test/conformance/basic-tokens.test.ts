import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CALLBACK, createEnds, openSuite, type Suite } from '../support/builders/conformance.ts';

describe('the modules about tokens of the basic plan', () => {
  const { t, close } = createEnds();
  let suite: Suite;
  before(async () => {
    suite = await openSuite(t);
  });
  after(close);

  const redeem = (code: string | undefined) =>
    suite.token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK });

  test('oidcc-server-client-secret-post: the secret may be in the form', async () => {
    const { callback } = await suite.authorize();
    const response = await fetch(`${suite.server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: String(callback.code),
        redirect_uri: CALLBACK,
        ...suite.client,
      }),
    });
    assert.equal(response.status, 200);
  });

  test('oidcc-codereuse and oidcc-codereuse-30seconds: invalid_grant, and the first access token is revoked', async () => {
    const { callback } = await suite.authorize();
    const first = await redeem(callback.code);
    assert.equal(first.status, 200);
    const second = await redeem(callback.code);
    assert.deepEqual([second.status, second.body.error], [400, 'invalid_grant']);
    assert.equal((await suite.userinfo(String(first.body.access_token))).status, 401);
  });

  test('oidcc-refresh-token: it works, keeps the user, and is bound to its client', async () => {
    const { body, claims } = await suite.signIn({ scope: 'openid offline_access', prompt: 'consent' });
    const refresh_token = String(body.refresh_token);
    assert.match(refresh_token, /^[\x20-\x7e]+$/);
    const stolen = await suite.token({ grant_type: 'refresh_token', refresh_token }, suite.client2);
    assert.deepEqual([stolen.status, stolen.body.error], [400, 'invalid_grant']);
    const renewed = await suite.token({ grant_type: 'refresh_token', refresh_token });
    assert.equal(renewed.status, 200);
    const { body: user } = await suite.userinfo(String(renewed.body.access_token));
    assert.equal(user.sub, claims.sub);
  });
});
