import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { type Browser, formOf } from '../support/browser.ts';
import { accountPlace, newcomer, register } from '../support/builders/passkey.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';
const PATH = `${SECURITY}/password`;
const CHOSEN = 'seven boats on the tide';

describe('setting and removing a password', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const setPassword = async (browser: Browser, password: string) => {
    const { action, fields } = await formOf(await browser.get(PATH));
    return browser.post(action, { ...fields, password });
  };
  const removePassword = async (browser: Browser) => {
    const html = await (await browser.get(SECURITY)).text();
    const csrf = new RegExp(`action="${PATH}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(
      html,
    );
    return browser.post(PATH, { csrf: String(csrf?.[1]), act: 'remove' });
  };
  const passwordsOf = (accountId: string) =>
    server.database.knex('T_credentials').where({ account_id: accountId });

  test('gives an account that signs in with a passkey a password, with which it can then sign in', async () => {
    const mei = await newcomer(server, 'mei');
    assert.match(await textOf(await mei.browser.get(SECURITY)), /You have no password\. You do not need one/);
    const weak = await setPassword(mei.browser, 'short');
    assert.equal(weak.status, 400);
    assert.match(await textOf(weak), /Use at least 15 characters\. Yours has 5\./);
    assert.equal((await passwordsOf(mei.id)).length, 0);
    const done = await mei.browser.follow(await setPassword(mei.browser, CHOSEN));
    assert.match(await textOf(done), /Your password was set/);
    const { page } = await visit(server, { username: 'mei', password: CHOSEN }, SECURITY);
    assert.equal(page.status, 200);
    assert.equal((await mei.browser.get(PATH)).headers.get('location'), SECURITY, 'there is one already');
    const events = await server.database
      .knex('T_auth_audit_log')
      .where({ account_id: mei.id })
      .pluck('action');
    assert.ok(events.includes('password.added'));
  });

  test('asks for a recent sign-in first, and keeps no password until then', async () => {
    const { browser, id } = await newcomer(server, 'noor');
    const { action, fields } = await formOf(await browser.get(PATH));
    await age(server);
    for (const answer of [
      await browser.get(PATH),
      await browser.post(action, { ...fields, password: CHOSEN }),
    ])
      assert.match(answer.headers.get('location') ?? '', /^\/auth.*max_age=300/);
    const login = await browser.follow(await browser.get(PATH));
    assert.match(await textOf(login), /Confirm it is you to set a password/);
    assert.ok(![...browser.cookies.keys()].some((name) => name.endsWith('latchkey_action')));
    assert.equal((await passwordsOf(id)).length, 0);
  });

  test('removes the password of an account with a passkey, and signs it out everywhere else', async () => {
    const ada = await server.createAccount('ada');
    const { browser: other } = await visit(server, ada, SECURITY);
    const { browser } = await visit(server, ada, SECURITY);
    assert.doesNotMatch(await textOf(await browser.get(SECURITY)), /Remove password/);
    await register(browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
    assert.match(await textOf(await other.get(SECURITY)), /Remove password/);
    // No session has shown the passkey.
    assert.match((await removePassword(other)).headers.get('location') ?? '', /acr_values=mfa/);
    const sessions = server.database.knex('T_user_sessions').where({ account_id: ada.id });
    const [first, last] = await sessions.clone().orderBy('created_at');
    await server.services.passwords.own.remove({ accountId: ada.id, sessionUid: last.uid });
    assert.deepEqual(await passwordsOf(ada.id), []);
    assert.ok(!(await sessions.clone().where({ id: first.id }).first()).is_active);
    assert.match(await textOf(await browser.get(SECURITY)), /You have no password/);
    assert.equal((await other.get(SECURITY)).status, 303);
  });

  test('never removes the last way to sign in', async () => {
    const bo = await newcomer(server, 'bo');
    await setPassword(bo.browser, CHOSEN);
    const origin = {};
    const [session] = await server.database
      .knex('T_user_sessions')
      .where({ account_id: bo.id, is_active: true });
    const owner = { accountId: bo.id, sessionUid: session.uid, origin };
    const { credentials } = server.services.passkeys;
    const [key] = await credentials.list(bo.id);
    await credentials.remove(bo.id, String(key?.id), bo.id);
    await assert.rejects(server.services.passwords.own.remove(owner), { code: 'password_needed' });
    assert.equal((await passwordsOf(bo.id)).length, 1);
  });

  test('says what is missing, and only what can work', async () => {
    const only = await visit(server, await server.createAccount('only'), SECURITY);
    assert.match(await textOf(only.page), /What to do next Only your password protects your account/);
    const kim = await newcomer(server, 'kim');
    const page = await textOf(await kim.browser.get(SECURITY));
    assert.match(page, /What to do next If you lose “This device”, you cannot get back into your account/);
    assert.match(page, /a recovery code and your username let you create a new one/);
    assert.doesNotMatch(page, /[Aa]fter your password/);
    assert.doesNotMatch(page, /authenticator app/i);
  });
});
