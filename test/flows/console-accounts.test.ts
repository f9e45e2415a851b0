import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const PATH = '/admin/accounts';
const detailsOf = (username: string) => `${PATH}/details?${new URLSearchParams({ username })}`;

/** The hidden fields of the form on the page of that account. */
const fieldsOf = async (browser: Browser, username: string) =>
  (await formOf(await browser.get(detailsOf(username)))).fields;

test('the console lists and searches accounts, and shows one with its sessions', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:accounts.read');
  const mei = await server.createAccount('mei', 'openid profile');
  for (let number = 10; number < 36; number += 1) await server.createAccount(`sailor.${number}`);
  await server.accounts.disable({ accountId: null }, 'sailor.20');
  await visit(server, mei, '/account/sessions');
  const { browser, page } = await visit(server, ada, PATH);
  assert.match(await textOf(page), /28 accounts ada .*mei .*sailor\.10 .* Next accounts/);
  assert.match(await textOf(await browser.get(`${PATH}?page=2`)), /sailor\.35 .* Previous accounts/);
  assert.match(await textOf(await browser.get(`${PATH}?show=disabled`)), /1 account sailor\.20 Disabled/);
  assert.match(await textOf(await browser.get(`${PATH}?search=MEI@harbour`)), /1 account mei/);
  const one = await textOf(await browser.get(detailsOf('mei')));
  assert.match(one, /mei .*Ceiling openid profile .*an operator created it .*Sessions .*Signed in today, /);
  assert.doesNotMatch(one, /Disable account|Sign out everywhere/, 'the scope is for reading');
});

test('the console disables, enables and signs out an account, in the name of the administrator', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:accounts');
  const mei = await server.createAccount('mei');
  const { browser } = await visit(server, ada, PATH);
  const press = async (act: string) =>
    browser.follow(await browser.post(`${PATH}/change`, { ...(await fieldsOf(browser, 'mei')), act }));

  const session = (await visit(server, mei, '/account/sessions')).browser;
  assert.match(await textOf(await press('sign-out')), /signed out everywhere\. .*not signed in anywhere/);
  assert.equal((await session.get('/account/sessions')).status, 303);
  const again = (await visit(server, mei, '/account/sessions')).browser;
  assert.match(
    await textOf(await press('disable')),
    /The account is disabled\..*Disabled Nobody can sign in/,
  );
  assert.equal((await again.get('/account/sessions')).status, 303);
  assert.match(await textOf(await press('enable')), /The account is enabled\..*Disable account/);
  const events = await server.database
    .knex('T_auth_audit_log')
    .whereIn('action', ['session.ended', 'account.disabled', 'account.enabled'])
    .where({ account_id: mei.id, actor_id: ada.id })
    .pluck('action');
  for (const action of ['session.ended', 'account.disabled', 'account.enabled'])
    assert.ok(events.includes(action), `${action} in ${events}`);
});

test('the pages of accounts refuse bad input, other accounts, and the account of the administrator', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:accounts');
  const eve = await server.createAccount('eve', 'openid latchkey:clients');
  const { browser } = await visit(server, ada, PATH);
  for (const query of ['page=0', 'page=1e9', 'page=x', 'show=none', `search=${'x'.repeat(300)}`])
    assert.equal((await browser.get(`${PATH}?${query}`)).status, 400, query);
  for (const username of ["' OR 1=1 --", 'x'.repeat(5000), '<script>'])
    assert.equal((await browser.get(detailsOf(username))).status, 404, username.slice(0, 30));
  assert.equal((await browser.get(`${PATH}/details`)).headers.get('location'), PATH);

  const { csrf = '' } = await fieldsOf(browser, 'eve');
  const send = async (fields: Record<string, string>, from = browser) =>
    (await from.post(`${PATH}/change`, { csrf, ...fields })).status;
  assert.equal(await send({ account: 'nobody', act: 'disable' }), 404);
  assert.equal(await send({ account: eve.id, act: 'delete' }), 400);
  assert.equal(await send({ account: ada.id, act: 'disable' }), 409, 'nobody locks themselves out');
  const other = await visit(server, eve, '/account/security');
  for (const path of [PATH, detailsOf('ada')])
    assert.equal((await other.browser.get(path)).status, 403, path);
  assert.equal(await send({ account: ada.id, act: 'disable' }, other.browser), 403);
  assert.equal((await server.accounts.show('ada')).is_active, true);
});

test('the console changes no account that may do more with this server than the administrator', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:accounts latchkey:clients notes:read');
  const ceilings = {
    owner: 'openid *:*',
    inviter: 'latchkey:invitations',
    peer: 'latchkey:accounts.read',
    writer: 'notes:write',
  };
  const ids = new Map<string, string>();
  for (const [username, scope] of Object.entries(ceilings))
    ids.set(username, (await server.createAccount(username, scope)).id);
  const { browser } = await visit(server, ada, PATH);
  const { csrf = '' } = await fieldsOf(browser, 'writer');
  for (const act of ['disable', 'sign-out']) {
    const send = async (username: string) =>
      (await browser.post(`${PATH}/change`, { csrf, account: ids.get(username) ?? '', act })).status;
    for (const username of ['owner', 'inviter']) assert.equal(await send(username), 403, username);
    for (const username of ['peer', 'writer']) assert.equal(await send(username), 303, username);
  }
  assert.equal((await server.accounts.show('owner')).is_active, true);
});

test('a form of the console changes the account of its page, whoever has the username by then', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:accounts');
  const shown = await server.createAccount('mei');
  const { browser } = await visit(server, ada, PATH);
  const fields = await fieldsOf(browser, 'mei');
  await server.accounts.update({ accountId: null }, 'mei', { username: 'mei.lin' });
  await server.database.knex('T_reserved_usernames').delete();
  const other = await server.accounts.create(
    { accountId: null },
    { username: 'mei', scope: 'openid', password: PASSWORD },
  );
  const done = await browser.post(`${PATH}/change`, { ...fields, act: 'disable' });
  assert.equal(done.headers.get('location'), `${PATH}/details?username=mei.lin&done=disable`);
  assert.equal((await server.accounts.getProfile(shown.id)).is_active, false);
  assert.equal((await server.accounts.getProfile(other.id)).is_active, true);
});
