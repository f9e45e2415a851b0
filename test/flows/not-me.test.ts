import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { accountPlace, register } from '../support/builders/passkey.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { withApp } from '../support/builders/second-factor.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

describe('"This was not me"', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const mailsTo = async (username: string) => {
    await server.settled();
    return server.sink.mails.filter(({ to }) => to.includes(`${username}@harbour.example`));
  };
  /** A signed-in person with a confirmed address. */
  async function person(username: string) {
    const account = await server.createAccount(username);
    await server.database.knex('T_accounts').where({ id: account.id }).update({ email_verified: true });
    const { browser } = await visit(server, account, SECURITY);
    const ownerOf = async () => {
      const where = { account_id: account.id, is_active: true };
      const { uid } = await server.database.knex('T_user_sessions').where(where).first('uid');
      return { accountId: account.id, sessionUid: uid, origin: {} };
    };
    return { ...account, browser, ownerOf };
  }
  const changePassword = async (browser: Browser, password: string) => {
    const { action, fields } = await formOf(await browser.get(SECURITY));
    return browser.post(action, { ...fields, current: PASSWORD, password });
  };
  const lastLink = async (username: string) => (await mailsTo(username)).at(-1)?.link ?? '';
  const canSignIn = async (username: string, password: string) =>
    (await visit(server, { username, password }, SECURITY)).page.status === 200;

  test('is in the mail about every change to keys, password, address and recovery', async () => {
    const { id, browser, ownerOf } = await person('ines');
    const { services } = server;
    await register(browser, await accountPlace(server, id), new Authenticator(server.issuer));
    await withApp(server, { id, username: 'ines' });
    await services.secondFactor.totp.remove(id);
    await services.passwords.own.remove(await ownerOf());
    await services.passwords.own.add(await ownerOf(), NEW_PASSWORD);
    const [key] = await services.passkeys.credentials.list(id);
    await services.passkeys.credentials.remove(id, String(key?.id), id);
    await services.recovery.requestEmailChange(id, 'ines@elsewhere.example');
    const mails = await mailsTo('ines');
    // They are sent in the background, in any order.
    assert.deepEqual(mails.map(({ subject }) => subject).toSorted(), [
      'A key was added to your account',
      'A key was removed from your account',
      'A password was set for your account',
      'An authenticator app was added to your account',
      'An authenticator app was removed from your account',
      'Confirm the change of your e-mail address',
      'The password of your account was removed',
    ]);
    for (const { link, text } of mails) {
      assert.match(link ?? '', /^\/not-me\?token=[\w-]{24}$/);
      assert.match(text, /This was not me/);
    }
    const rows = JSON.stringify(await server.database.knex('T_security_notices'));
    for (const { link } of mails) assert.ok(!rows.includes(String(link).slice(-24)), 'a hash is stored');
  });

  test('signs out everywhere, ends the password until one is set by mail, and works once', async () => {
    const ada = await person('ada');
    await changePassword(ada.browser, 'seven boats on the tide');
    const link = await lastLink('ada');
    const { browser, page } = await openLink(server, link, new Browser(server.issuer));
    assert.match(await textOf(page.clone()), /The password of your account was changed/);
    assert.equal((await ada.browser.get(SECURITY)).status, 200, 'opening the link changes nothing');
    const done = await send(browser, page);
    assert.match(await textOf(done), /Your account is signed out everywhere Your password no longer works/);
    assert.equal((await ada.browser.get(SECURITY)).status, 303);
    assert.equal((await browser.get(SECURITY)).status, 303, 'nobody is signed in by the link');
    for (const password of [PASSWORD, 'seven boats on the tide'])
      assert.equal(await canSignIn('ada', password), false);
    const reset = await openLink(
      server,
      await resetLink(server, 'ada@harbour.example', (await mailsTo('ada')).length),
    );
    await send(reset.browser, reset.page, { password: NEW_PASSWORD });
    assert.equal(await canSignIn('ada', NEW_PASSWORD), true);
    assert.equal((await openLink(server, link)).page.status, 400, 'it works once');
    assert.equal((await mailsTo('ada')).at(-1)?.subject, 'A new password was set for your account');
  });

  test('lets an added key sign in no longer, but never the only way in', async () => {
    const bo = await person('bo');
    await register(bo.browser, await accountPlace(server, bo.id), new Authenticator(server.issuer));
    const { browser, page } = await openLink(server, await lastLink('bo'));
    assert.match(await textOf(await send(browser, page)), /The key that was added cannot sign in/);
    const { credentials } = server.services.passkeys;
    assert.deepEqual(await credentials.listSigned(bo.id), []);

    const cy = await person('cy');
    await register(cy.browser, await accountPlace(server, cy.id), new Authenticator(server.issuer));
    const link = await lastLink('cy');
    await server.database.knex('T_credentials').where({ account_id: cy.id }).delete();
    const opened = await openLink(server, link);
    assert.doesNotMatch(
      await textOf(await send(opened.browser, opened.page)),
      /no longer works|cannot sign in\./,
    );
    assert.equal((await credentials.listSigned(cy.id)).length, 1);
  });

  test('at an address that the account no longer has, signs out and changes nothing else', async () => {
    const dora = await person('dora');
    await changePassword(dora.browser, 'seven boats on the tide');
    const link = await lastLink('dora');
    await server.database.knex('T_accounts').where({ id: dora.id }).update({ email: 'dora@new.example' });
    const { browser, page } = await openLink(server, link);
    assert.doesNotMatch(await textOf(page.clone()), /stops working/);
    await send(browser, page);
    assert.equal((await dora.browser.get(SECURITY)).status, 303);
    assert.equal(await canSignIn('dora', 'seven boats on the tide'), true);
    const [event] = await server.database
      .knex('T_auth_audit_log')
      .where({ action: 'change.disputed', account_id: dora.id });
    assert.deepEqual(JSON.parse(event.details), {
      event: 'password_changed',
      password_ended: false,
      key_ended: false,
    });
  });

  test('is refused when it is expired, unknown, or of a disabled account, and without its form', async () => {
    const eli = await person('eli');
    await changePassword(eli.browser, 'seven boats on the tide');
    const link = await lastLink('eli');
    const opened = await openLink(server, link);
    assert.equal((await opened.browser.post('/not-me', {})).status, 403);
    const notices = server.database.knex('T_security_notices').where({ account_id: eli.id });
    const [{ expires_at }] = await notices.clone();
    await notices.clone().update({ expires_at: new Date(Date.now() - 1000) });
    assert.equal((await send(opened.browser, opened.page)).status, 400);
    await notices.clone().update({ expires_at });
    await server.database.knex('T_accounts').where({ id: eli.id }).update({ is_active: false });
    for (const at of [link, '/not-me?token=x', '/not-me'])
      assert.equal((await openLink(server, at)).page.status, 400);
    await server.database.knex('T_accounts').where({ id: eli.id }).update({ is_active: true });
    assert.equal((await eli.browser.get(SECURITY)).status, 200);
  });
});
