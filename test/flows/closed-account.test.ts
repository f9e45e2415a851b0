import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from '../support/browser.ts';
import { refresh, signInWith } from '../support/builders/authorization.ts';
import { newcomer } from '../support/builders/passkey.ts';
import { openLink, send } from '../support/builders/password-reset.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PATH = '/account/data';
const OPERATOR = { accountId: null };

describe('closing an account', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const close = async (browser: Browser, confirm: string) => {
    const html = await (await browser.get(PATH)).text();
    const csrf = new RegExp(
      `action="${PATH}/close">\\s*<input type="hidden" name="csrf" value="([^"]+)"`,
    ).exec(html);
    return browser.post(`${PATH}/close`, { csrf: String(csrf?.[1]), confirm });
  };
  const rowOf = (id: string) => server.database.knex('T_accounts').where({ id }).first();
  const makeDue = (id: string) =>
    server.database
      .knex('T_accounts')
      .where({ id })
      .update({ closing_at: new Date(Date.now() - 1000) });
  const { closing } = { closing: () => server.services.accounts.closing };

  test('needs the username, and then ends sessions and tokens at once', async () => {
    const ada = await server.createAccount('ada');
    const client = await server.createClient();
    const { tokens } = await signInWith(server, client, ada, { scope: 'openid offline_access' });
    const { browser } = await visit(server, ada, PATH);
    const wrong = await close(browser, 'adam');
    assert.equal(wrong.status, 400);
    assert.match(await textOf(wrong), /To confirm, enter your username: ada/);
    const done = await browser.follow(await close(browser, ' ADA '));
    assert.match(
      await textOf(done),
      /Your account is closed You are signed out everywhere\. On \d{4}-\d\d-\d\d/,
    );
    assert.equal((await browser.get(PATH)).status, 303);
    assert.equal((await refresh(server, client, String(tokens.body.refresh_token))).status, 400);
    const days = (new Date((await rowOf(ada.id)).closing_at).getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 6.9 && days <= 7);
  });

  test('is undone by signing in within seven days, and the owner is notified of both', async () => {
    const bo = await server.createAccount('bo');
    const { browser } = await visit(server, bo, PATH);
    await close(browser, 'bo');
    assert.equal(await closing().deleteClosed(), 0, 'not before its time');
    const { page } = await visit(server, bo, PATH);
    assert.equal(page.status, 200);
    assert.equal((await rowOf(bo.id)).closing_at, null);
    await server.settled();
    const subjects = server.sink.mails
      .filter(({ to }) => to.includes('bo@harbour.example'))
      .map((mail) => mail.subject);
    assert.deepEqual(subjects, ['Your account will be deleted in seven days', 'Your account is kept']);
  });

  test('is undone by "This was not me"', async () => {
    const cy = await server.createAccount('cy');
    const { browser } = await visit(server, cy, PATH);
    await close(browser, 'cy');
    await server.settled();
    const mail = server.sink.mails.find(({ to }) => to.includes('cy@harbour.example'));
    const opened = await openLink(server, String(mail?.link));
    await send(opened.browser, opened.page);
    assert.equal((await rowOf(cy.id)).closing_at, null);
  });

  test('deletes everything but the audit log afterwards, and keeps the username from others for 90 days', async () => {
    const dora = await newcomer(server, 'dora');
    await close(dora.browser, 'dora');
    await makeDue(dora.id);
    assert.equal(await closing().deleteClosed(), 1);
    assert.equal(await rowOf(dora.id), undefined);
    const { knex } = server.database;
    for (const table of [
      'T_webauthn_credentials',
      'T_user_sessions',
      'T_authorization_requests',
      'T_security_notices',
    ])
      assert.deepEqual(await knex(table).where({ account_id: dora.id }), [], table);
    const log = await knex('T_auth_audit_log').where({ action: 'account.deleted' });
    assert.deepEqual(JSON.parse(log[0].details), { id: dora.id, closed_by_owner: true });
    const create = () =>
      server.accounts.create(OPERATOR, { username: 'dora', password: 'seven boats on the tide' });
    await assert.rejects(create(), { code: 'username_taken' });
    const names = await knex('T_closed_usernames');
    assert.ok(!JSON.stringify(names).includes('dora'), 'the name itself is deleted');
    await knex('T_closed_usernames').update({ expires_at: new Date(Date.now() - 1000) });
    await create();
  });

  test('is refused to the last administrator', async () => {
    const boss = await server.createAccount('boss', 'openid latchkey:*');
    const { browser } = await visit(server, boss, PATH);
    const refused = await close(browser, 'boss');
    assert.equal(refused.status, 403);
    assert.match(await textOf(refused), /This is the last administrator of this server/);
    await server.createAccount('deputy', 'openid latchkey:*');
    assert.equal((await close(browser, 'boss')).status, 303);
    const deputy = await visit(server, { username: 'deputy', password: boss.password }, PATH);
    assert.equal((await close(deputy.browser, 'deputy')).status, 403, 'the other one is closing');
  });
});
