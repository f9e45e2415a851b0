import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import {
  accountPlace,
  authenticate,
  newcomer,
  placeOf,
  register,
  signInPage,
} from '../support/builders/passkey.ts';
import { afterPassword, secondFactorOf } from '../support/builders/second-factor.ts';
import { visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const untouched = { up: false, uv: false };

describe('a passkey that the browser creates by itself', () => {
  test('is added without a touch after a password if the account has no key yet, and signs in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, '/account/security');
    const place = { ...(await accountPlace(server, ada.id)), ceremony: 'upgrade' };
    assert.match(await (await browser.get('/account/security')).text(), /data-upgrade="on"/);
    const key = new Authenticator(server.issuer);
    const plain = { ...place, ceremony: 'passkey' };
    assert.equal((await register(browser, plain, new Authenticator(server.issuer), untouched)).status, 401);
    const added = await register(browser, place, key, untouched);
    assert.deepEqual([added.status, added.body.is_signed], [200, true]);
    assert.doesNotMatch(await (await browser.get('/account/security')).text(), /data-upgrade/);
    const again = await register(browser, place, new Authenticator(server.issuer), untouched);
    assert.equal(again.status, 400, 'the account has a passkey already');
    const { browser: other, place: page } = await signInPage(server, await server.createClient());
    assert.equal(
      (await authenticate(other, page, key, { up: false })).status,
      401,
      'to sign in it is touched',
    );
    assert.equal((await authenticate(other, page, key)).status, 200);
  });

  test('is no second factor for somebody who signs in: nobody has touched the authenticator', async (t) => {
    const secondFactor = { everyone: true, scopes: [], roles: [] };
    const server = await startServer(t, 'sqlite', { config: { secondFactor } });
    const ada = await server.createAccount();
    const { browser, next } = await afterPassword(server, await server.createClient());
    const place = { ...(await placeOf(next)), ceremony: 'upgrade' };
    const added = await register(browser, place, new Authenticator(server.issuer), untouched);
    assert.equal(added.status, 401);
    const { keys } = await secondFactorOf(server).getFactors(ada.id);
    assert.equal(keys, 0);
    assert.equal((await register(browser, place, new Authenticator(server.issuer))).status, 200);
  });

  test('is not added after a sign-in with a key, nor long after the password', async (t) => {
    const server = await startServer(t, 'sqlite');
    const mei = await newcomer(server, 'mei');
    const place = { ...(await accountPlace(server, mei.id)), ceremony: 'upgrade' };
    assert.equal(
      (await register(mei.browser, place, new Authenticator(server.issuer), untouched)).status,
      400,
    );

    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, '/account/security');
    const late = { ...(await accountPlace(server, ada.id)), ceremony: 'upgrade' };
    const sessions = server.database.knex('T_user_sessions').where({ account_id: ada.id });
    const { payload } = await sessions.clone().first('payload');
    const session = JSON.parse(payload);
    await sessions.update({ payload: JSON.stringify({ ...session, loginTs: session.loginTs - 600 }) });
    assert.equal((await register(browser, late, new Authenticator(server.issuer), untouched)).status, 401);
    assert.equal(
      (await server.database.knex('T_webauthn_credentials').where({ account_id: ada.id })).length,
      0,
    );
  });
});
