import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import bcrypt from 'bcrypt';
import { formOf } from '../support/browser.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink } from '../support/builders/password-reset.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const MEI = 'mei@harbour.example';
const OVER = /This link no longer works/;

describe('an attacker', { concurrency: true }, () => {
  test('cannot swap an invitation: the form uses the one it shows, not one opened in another tab', async (t) => {
    const server = await startServer(t, 'sqlite');
    const mine = await invite(server, { label: 'From ada', scope: 'openid notes:read' });
    const evil = await invite(server, { label: 'From eve', email: 'eve@evil.example', scope: 'openid' });
    const { browser, page } = await open(server, mine.code);
    await open(server, evil.code, browser);
    const answer = await browser.follow(await signUp(browser, page, { username: 'mei', email: MEI }));
    assert.match(await textOf(answer.clone()), /From eve/, 'the page shows the other invitation first');
    assert.equal((await server.accounts.list()).length, 0);
    await browser.follow(await signUp(browser, answer, { username: 'mei' }));
    assert.equal((await server.accounts.show('mei')).pending_email, 'eve@evil.example');
  });

  test('cannot keep access: a pending change of address is void once the password changed', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser, page } = await visit(server, ada, '/account/security');
    await server.recovery.requestEmailChange(ada.id, 'thief@evil.example');
    const { action, fields } = await formOf(page);
    const typed = { current: ada.password, password: NEW_PASSWORD };
    assert.equal((await browser.post(action, { ...fields, ...typed })).status, 303);
    const { link = '' } = await server.sink.to('thief@evil.example');
    assert.match(await (await openLink(server, link)).page.text(), OVER);
  });

  test('cannot wait: disabling an account ends its mailed links and trusted browsers for good', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    await visit(server, ada, '/account/security');
    await server.recovery.requestEmailChange(ada.id, MEI);
    const { link = '' } = await server.sink.to(MEI);
    await server.accounts.disable(OPERATOR, 'ada');
    await server.accounts.enable(OPERATOR, 'ada');
    assert.match(await (await openLink(server, link)).page.text(), OVER);
    assert.equal((await server.database.knex('T_known_browsers')).length, 0);
  });
});

test('signing up again and again does not fill a mailbox', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { code } = await invite(server, { maxUses: 20 });
  for (let n = 0; n < 8; n += 1) {
    const { browser, page } = await open(server, code);
    assert.equal((await signUp(browser, page, { username: `n${n}`, email: MEI })).status, 303);
  }
  await server.settled();
  assert.equal(server.sink.mails.length, 5);
});

test('a sign-up with a taken username does not reach the slow hash', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createAccount('root');
  const { code } = await invite(server);
  const { browser, page } = await open(server, code);
  const hash = mock.method(bcrypt, 'hash');
  const answer = await signUp(browser, page, { username: 'root' });
  assert.equal(answer.status, 400);
  assert.match(await textOf(answer), /is taken/);
  assert.equal(hash.mock.callCount(), 0);
  hash.mock.restore();
});

test('a username cannot contain invisible characters', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { code } = await invite(server, { maxUses: 20 });
  for (const username of ['ro\u200bot', 'ro\u00adot', '\u2060', '\u3164', 'root\u{e0001}']) {
    const { browser, page } = await open(server, code);
    assert.match(await textOf(await signUp(browser, page, { username })), /invisible characters/, username);
  }
  assert.equal((await server.accounts.list()).length, 0);
});
