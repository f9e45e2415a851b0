import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { addSignInGoogle, createLinked, signInWithService } from '../support/builders/connected-sign-in.ts';
import { placeOf, register, typePassword } from '../support/builders/passkey.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

test('another service alone sets up no second factor of an account that has a password', async (t) => {
  const secondFactor = { everyone: false, scopes: [], roles: ['treasurer'] };
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true, secondFactor } });
  const { knex } = server.database;
  const google = await addSignInGoogle(t, server);
  const ada = await createLinked(server, google, 'ada');
  // A password is enough to set up the first factor. Finding a browser that is signed in at Google is not.
  await server.accounts.roles.grant({ accountId: null }, { username: 'ada', role: 'treasurer' });
  const { browser, page } = await signInWithService(server);
  assert.equal(page.status, 403);
  const html = await page.text();
  assert.match(html, /Sign in with your password to set it up/);
  const [, back = ''] = /href="([^"]+)"[^>]*>Sign in with your password</.exec(html) ?? [];
  const login = await browser.get(
    new URL(back, server.issuer).pathname + new URL(back, server.issuer).search,
  );
  const place = await placeOf(login.clone());
  const answer = await register(
    browser,
    { ...place, ceremony: 'security_key' },
    new Authenticator(server.issuer),
  );
  assert.equal(answer.status, 403);
  assert.match(String(answer.body.title), /Sign in with your password/);
  assert.equal((await knex('T_webauthn_credentials').where({ account_id: ada.id })).length, 0);
  assert.equal((await knex('T_totp_secrets').where({ account_id: ada.id })).length, 0);

  const next = await browser.follow(await typePassword(browser, login, ada));
  assert.match(await textOf(next), /Set up a second factor/);

  // Without a password there is nothing better to ask for.
  await knex('T_credentials').where({ account_id: ada.id }).delete();
  assert.match(await textOf((await signInWithService(server)).page), /Set up a second factor/);
});

test('a recovery code alone is no way into an account whose first factor is another service', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
  const google = await addSignInGoogle(t, server);
  const ada = await createLinked(server, google, 'ada');
  await server.database.knex('T_credentials').where({ account_id: ada.id }).delete();
  const [code = ''] = await server.services.secondFactor.recoveryCodes.create(ada.id);
  const send = async () => {
    const browser = new Browser(server.issuer);
    const login = await browser.follow(await browser.get('/account/security'));
    const link = /href="([^"]+\/recovery-code)"/.exec(await login.text())?.[1] ?? '';
    const { action, fields } = await formOf(await browser.get(new URL(link, server.issuer).pathname));
    return browser.post(action, { ...fields, username: 'ada', code });
  };
  assert.equal((await send()).status, 401);
  assert.equal((await server.database.knex('T_recovery_codes').whereNotNull('consumed_at')).length, 0);
  // Once nobody signs in to it with the service, codes are the way back, as for an account that has lost its passkeys.
  await server.database.knex('T_user_providers').update({ may_sign_in: false });
  assert.equal((await send()).status, 303);
});
