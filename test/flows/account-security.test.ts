import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { call, refresh, signInWith } from '../support/builders/authorization.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { withoutOwnScript } from '../support/page-script.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const PATH = '/account/security';
const NEXT = 'seven boats on the tide';

/** Fills in the form of the page. @returns the answer, not followed */
async function change(browser: Browser, fields: Record<string, string>, headers = {}) {
  const form = await formOf(await browser.get(PATH));
  return browser.post(form.action, { ...form.fields, current: PASSWORD, password: NEXT, ...fields }, headers);
}

/** The password that the account has now. */
async function passwordOf(server: TestServer): Promise<string> {
  for (const password of [PASSWORD, NEXT]) {
    const { page } = await visit(server, { username: 'ada', password }, PATH);
    if (page.status === 200 && new URL(page.url).pathname === PATH) return password;
  }
  return 'neither';
}

describe('the account page', { concurrency: true }, () => {
  test('sends a signed-out visitor to sign-in and back, and shows the account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code } = await invite(server, { roles: ['editor'] });
    const { browser, page } = await open(server, code);
    await browser.follow(
      await signUp(browser, page, { username: 'mei', name: 'Mei', email: 'mei@x.example' }),
    );
    const client = await server.createClient();
    const { id } = await server.accounts.show('mei');
    const [application] = await server.database.knex('T_oauth_clients').select('id');
    await server.database.knex('T_account_roles').insert({
      id: 'r',
      created_at: new Date(),
      account_id: id,
      client_id: application.id,
      role: 'chief',
    });
    const fresh = new Browser(server.issuer);
    for (const path of ['/account', PATH]) assert.equal((await fresh.get(path)).status, 303);
    const seen = await visit(server, { username: 'mei', password: PASSWORD }, '/account', fresh);
    assert.equal(new URL(seen.page.url).pathname, PATH);
    assert.equal(seen.page.headers.get('cache-control'), 'no-store');
    const words = await textOf(seen.page);
    assert.match(words, /Mei/);
    assert.match(words, /mei@x.example Not confirmed/);
    assert.match(words, /Invited by The people who run this server ?, \d+ \w+ \d{4}/);
    assert.match(words, new RegExp(`editor chief in ${client.client_name}`));
    assert.doesNotMatch(words, /Administration/);
    assert.match(await textOf(await fresh.get('/')), /Activity Profile Sign out/);
  });

  test('changes the password, and ends every other session, code and token', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const mei = await server.createAccount('mei');
    const client = await server.createClient({ grantTypes: ['authorization_code', 'refresh_token'] });
    const asked = { scope: 'openid offline_access', prompt: 'consent' };
    const elsewhere = await signInWith(server, client, ada, asked);
    const others = await signInWith(server, client, mei, asked);
    const { browser } = await visit(server, ada, PATH);
    const own = await signInWith(server, client, ada, asked, browser);
    const before = [...browser.cookies].find(([key]) => key.endsWith('latchkey_session'))?.[1].value;

    const answer = await change(browser, {});
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, `${PATH}?done=password`]);
    assert.match(await textOf(await browser.follow(answer)), /Your password was changed/);
    const after = [...browser.cookies].find(([key]) => key.endsWith('latchkey_session'))?.[1].value;
    assert.notEqual(after, before);

    assert.equal((await elsewhere.browser.get(PATH)).status, 303);
    assert.equal((await browser.get(PATH)).status, 200);
    const stolen = new Browser(server.issuer);
    for (const [key, cookie] of browser.cookies) stolen.cookies.set(key, cookie);
    const name = [...stolen.cookies.keys()].find((key) => key.endsWith('latchkey_session')) ?? '';
    stolen.cookies.set(name, { value: before ?? '', path: '/' });
    assert.equal((await stolen.get(PATH)).status, 303);
    for (const { tokens } of [elsewhere, own]) {
      assert.ok(tokens.body.refresh_token);
      const again = await refresh(server, client, tokens.body.refresh_token);
      assert.deepEqual([again.status, again.body.error], [400, 'invalid_grant']);
      const active = await call(server, client, '/token/introspection', {
        token: tokens.body.access_token,
      });
      assert.equal(active.body.active, false);
    }
    assert.equal((await refresh(server, client, others.tokens.body.refresh_token)).status, 200);
    assert.equal((await others.browser.get(PATH)).status, 200);
    assert.equal(await passwordOf(server), NEXT);

    const log = await server.database.knex('T_auth_audit_log').where({ action: 'password.changed' });
    assert.deepEqual(
      log.map((row) => [row.account_id, row.actor_id, Boolean(row.success), row.ip_address]),
      [[ada.id, ada.id, true, '127.0.0.1']],
    );
    assert.ok(!JSON.stringify(await server.database.knex('T_auth_audit_log')).includes(NEXT));
  });

  test('ends a sign-in whose password was verified before the change', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const thief = new Browser(server.issuer);
    const { action, fields } = await formOf(await thief.follow(await thief.get(PATH)));
    const proved = await thief.post(action, { ...fields, username: 'ada', password: PASSWORD });
    assert.equal(proved.status, 303);
    assert.equal((await change(browser, {})).status, 303);
    await thief.follow(proved);
    assert.equal((await thief.get(PATH)).status, 303);
  });

  test('lists all faults at once, and changes nothing', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, PATH);
    const both = await change(browser, { current: '', password: 'short' });
    assert.equal(both.status, 400);
    const html = await both.text();
    assert.match(html, /<a href="#current">Enter your current password<\/a>/);
    assert.match(html, /<a href="#password">Use at least 15 characters\. Yours has 5\.<\/a>/);
    assert.ok(!html.includes('value="short"'));
    const cases: [Record<string, string>, RegExp][] = [
      [{ current: 'wrong' }, /This is not your current password/],
      [{ password: '' }, /Enter a new password/],
      [{ password: PASSWORD }, /Choose a password that differs/],
      [{ password: 'x'.repeat(257) }, /at most 256/],
      [{ current: 'x'.repeat(257) }, /not your current password/],
    ];
    for (const [fields, says] of cases) {
      const answer = await change(browser, fields);
      assert.equal(answer.status, 400);
      assert.match(await textOf(answer), says);
    }
    assert.equal(await passwordOf(server), PASSWORD);
    const { knex } = server.database;
    const failed = await knex('T_auth_audit_log').where({ action: 'sign_in.failed', account_id: ada.id });
    assert.equal(
      failed.length,
      1,
      'what slows guessing sees the one guess, and no search for a new password',
    );
    assert.equal((await knex('T_auth_audit_log').where({ action: 'password.changed' })).length, 0);
  });

  test('accepts only its own form, from its own session', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const mei = await server.createAccount('mei');
    const { browser } = await visit(server, ada, PATH);
    const other = await visit(server, mei, PATH);
    const second = await visit(server, ada, PATH);
    const foreign = (await formOf(other.page)).fields.csrf ?? '';
    const elsewhere = (await formOf(second.page)).fields.csrf ?? '';
    for (const csrf of ['', 'x', foreign]) assert.equal((await change(browser, { csrf })).status, 403, csrf);
    // Its own form from another session is shown again, and not done.
    assert.equal((await change(browser, { csrf: elsewhere })).status, 303);
    assert.equal(await passwordOf(server), PASSWORD);
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'content-type': 'text/plain' },
    ])
      assert.equal((await change(browser, {}, headers)).status, 403, JSON.stringify(headers));
    const query = new URLSearchParams({ current: PASSWORD, password: NEXT });
    assert.equal((await browser.get(`${PATH}?${query}`)).status, 200);
    const { action, fields } = await formOf(await browser.get(PATH));
    const nobody = new Browser(server.issuer);
    const given = { ...fields, current: PASSWORD, password: NEXT };
    assert.match(String((await nobody.post(action, given)).headers.get('location')), /^\/auth/);
    // Another account's id in the form changes nothing: the session decides which account it is.
    const added = { account_id: mei.id, accountId: mei.id, username: 'mei', scopes: '*:*' };
    assert.equal((await browser.post(action, { ...given, ...added, current: 'wrong' })).status, 400);
    assert.equal(await passwordOf(server), PASSWORD);
    assert.equal((await visit(server, mei, PATH)).page.status, 200);
    await server.accounts.disable(OPERATOR, 'ada');
    assert.equal((await browser.get(PATH)).status, 303);
    assert.match(String((await browser.post(action, given)).headers.get('location')), /^\/auth/);
  });

  test('runs no script from a name or an address', async (t) => {
    const server = await startServer(t, 'sqlite');
    const bad = '"><script>alert(1)</script>';
    await server.createAccount('ada', 'openid latchkey:*');
    const username = '"><img/src=x>';
    await server.database.knex('T_accounts').update({ username, name: bad, email: bad });
    const { page } = await visit(server, { username, password: PASSWORD }, PATH);
    const html = withoutOwnScript(await page.text());
    assert.doesNotMatch(html, /<script|<img/);
    assert.ok(html.includes('&lt;script&gt;'));
    assert.doesNotMatch(page.headers.get('content-security-policy') ?? '', /unsafe/);
  });
});

for (const engine of engines) {
  describe(`the account page on ${engine}`, { concurrency: true }, () => {
    test('lets one of two simultaneous changes succeed', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const { browser } = await visit(server, ada, PATH);
      const { action, fields } = await formOf(await browser.get(PATH));
      const passwords = [NEXT, 'nine lanterns in the fog'];
      const answers = await Promise.all(
        passwords.map((password) => browser.post(action, { ...fields, current: PASSWORD, password })),
      );
      const statuses = answers.map(({ status }) => status).sort();
      assert.equal(statuses[0], 303);
      // 403 if it arrives after the other one replaced the session of its form.
      assert.ok([400, 403, 409].includes(statuses[1] ?? 0), String(statuses));
      const winner = passwords[answers.findIndex(({ status }) => status === 303)] ?? '';
      const { page } = await visit(server, { username: 'ada', password: winner }, PATH);
      assert.equal(page.status, 200);
      const changes = server.database.knex('T_auth_audit_log').where({ action: 'password.changed' });
      assert.equal((await changes).length, 1);
    });
  });
}
